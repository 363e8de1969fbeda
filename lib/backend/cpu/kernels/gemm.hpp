// Matrix products: register tiles over panels of B that fit the first-level cache.
#pragma once

#include "backend/cpu/kernels/vector.hpp"

namespace nn::cpu {
namespace {

constexpr std::int64_t block_k = 256;  // rows of a packed panel
constexpr std::int64_t block_m = 192;  // rows of A that stay in the second-level cache
constexpr int panel_vectors = 2;       // columns of a packed panel
constexpr int accumulators = vector_registers == 32 ? 24 : 12;

// Rows of a tile of this many vectors of columns: as many as have an accumulator each.
constexpr int tile_rows(int vectors) { return vectors == 1 ? 8 : accumulators / vectors; }
constexpr int most_tile_rows = tile_rows(panel_vectors) > 8 ? tile_rows(panel_vectors) : 8;
// A few rows take more columns at once, so that enough sums are under way.
constexpr int wide_vectors(std::int64_t rows) { return rows == 1 ? 8 : 4; }
constexpr std::int64_t most_wide_rows = 3;

static_assert(block_k * panel_vectors * lanes <= panel_size);

struct Tile {
  const T* a;
  std::int64_t stride;  // of A: between rows, or ByColumn between columns
  const T* b;
  std::int64_t b_row, k;
  T* c;
  std::int64_t c_row;
  const T* start;        // of the sums, or null
  bool accumulate;       // sums start from c
  std::int64_t columns;  // of the tile's columns this many are written
};

inline V load_columns(const T* p, std::int64_t count) {
  return count < lanes ? load_first(p, count) : load(p);
}

template <int M, int N, bool ByColumn>
void multiply_tile(const Tile& t) {
  V sums[M][N];
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i) {
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) {
      sums[i][v] = t.accumulate         ? load_columns(t.c + i * t.c_row + v * lanes, t.columns - v * lanes)
                   : t.start != nullptr ? load(t.start + v * lanes)
                                        : V{};
    }
  }
  const T* a = t.a;
  const T* b = t.b;
  const std::int64_t stride = t.stride, b_row = t.b_row;
  for (std::int64_t p = t.k; p > 0; --p) {
    V row[N];
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) row[v] = load(b + v * lanes);
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) {
      const V factor = splat(ByColumn ? a[i] : a[i * stride]);
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) sums[i][v] += factor * row[v];
    }
    a += ByColumn ? stride : 1;
    b += b_row;
  }
  T* c = t.c;
  const std::int64_t c_row = t.c_row, columns = t.columns;
  if (columns >= N * lanes) {
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) {
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) store(c + i * c_row + v * lanes, sums[i][v]);
    }
    return;
  }
#pragma GCC unroll 16
  for (int i = 0; i < M; ++i) {
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) {
      const std::int64_t left = columns - v * lanes;
      if (left >= lanes) {
        store(c + i * c_row + v * lanes, sums[i][v]);
      } else {
        store_first(c + i * c_row + v * lanes, sums[i][v], left);
      }
    }
  }
}

using TileFunction = void (*)(const Tile&);

template <int N, bool ByColumn>
TileFunction tile_function(std::int64_t rows) {
  switch (rows) {
    case 1: return multiply_tile<1, N, ByColumn>;
    case 2: return multiply_tile<2, N, ByColumn>;
    case 3: return multiply_tile<3, N, ByColumn>;
    case 4: return multiply_tile<4, N, ByColumn>;
    case 5: return multiply_tile<5, N, ByColumn>;
    case 6: return multiply_tile<6, N, ByColumn>;
    default: break;
  }
  if constexpr (N == 1 || most_tile_rows > 8) {
    switch (rows) {
      case 7: return multiply_tile<7, N, ByColumn>;
      case 8: return multiply_tile<8, N, ByColumn>;
      default: break;
    }
  }
  if constexpr (N == panel_vectors && most_tile_rows > 8) {
    switch (rows) {
      case 9: return multiply_tile<9, N, ByColumn>;
      case 10: return multiply_tile<10, N, ByColumn>;
      case 11: return multiply_tile<11, N, ByColumn>;
      case 12: return multiply_tile<12, N, ByColumn>;
      default: break;
    }
  }
  return nullptr;
}

template <bool ByColumn>
TileFunction find_tile(std::int64_t rows, int vectors) {
  if (vectors == 1) return tile_function<1, ByColumn>(rows);
  if (vectors == 2) return tile_function<2, ByColumn>(rows);
  switch (rows) {  // wide tiles
    case 1: return vectors == 8 ? multiply_tile<1, 8, ByColumn> : multiply_tile<1, 4, ByColumn>;
    case 2: return multiply_tile<2, 4, ByColumn>;
    default: return multiply_tile<3, 4, ByColumn>;
  }
}

// Columns [j, j + vectors * lanes) of k rows of B from row p on, one after the other; zeros
// stand for columns that B doesn't have.
void pack_panel(const Gemm<T>& g, std::int64_t p, std::int64_t k, std::int64_t j, int vectors) {
  T* out = g.panel;
  const std::int64_t width = vectors * lanes;
  if (g.b_col == 1) {
    const T* b = g.b + p * g.b_row + j;
    for (std::int64_t i = 0; i < k; ++i, b += g.b_row, out += width) {
      for (int v = 0; v < vectors; ++v) store(out + v * lanes, load(b + v * lanes));
    }
    return;
  }
  const std::int64_t present = g.n - j < width ? g.n - j : width;
  for (std::int64_t c = 0; c < present; ++c) {
    const T* b = g.b + p + (j + c) * g.b_col;
    for (std::int64_t i = 0; i < k; ++i) out[i * width + c] = b[i];
  }
  for (std::int64_t c = present; c < width; ++c) {
    for (std::int64_t i = 0; i < k; ++i) out[i * width + c] = 0;
  }
}

// All rows of one panel of columns, in tiles of nearly equal height.
void multiply_panel(const Gemm<T>& g, std::int64_t row, std::int64_t rows, int vectors, Tile& tile) {
  const bool by_column = g.a_col != 1;
  const std::int64_t height = vectors > panel_vectors ? most_wide_rows : tile_rows(vectors);
  const std::int64_t tiles = (rows + height - 1) / height;
  const T* a = tile.a;
  T* c = g.c + row * g.c_row + (tile.c - g.c);
  for (std::int64_t i = 0; i < tiles; ++i) {
    const std::int64_t count = rows / tiles + (i < rows % tiles ? 1 : 0);
    tile.a = a;
    tile.c = c;
    (by_column ? find_tile<true>(count, vectors) : find_tile<false>(count, vectors))(tile);
    a += count * g.a_row;
    c += count * g.c_row;
  }
}

void multiply_block(const Gemm<T>& g, std::int64_t row, std::int64_t rows, bool packed) {
  const std::int64_t step_k = packed ? block_k : g.k;
  std::int64_t p = 0;
  do {
    const std::int64_t k = g.k - p < step_k ? g.k - p : step_k;
    for (std::int64_t j = 0; j < g.n;) {
      const std::int64_t left = (g.n - j + lanes - 1) / lanes;
      int vectors = packed || rows > most_wide_rows ? panel_vectors : wide_vectors(rows);
      while (vectors > left) vectors /= 2;
      const std::int64_t width = vectors * lanes;
      if (packed) pack_panel(g, p, k, j, vectors);
      Tile tile;
      tile.a = g.a + row * g.a_row + p * g.a_col;
      tile.stride = g.a_col == 1 ? g.a_row : g.a_col;
      tile.b = packed ? g.panel : g.b + p * g.b_row + j;
      tile.b_row = packed ? width : g.b_row;
      tile.k = k;
      tile.c = g.c + j;
      tile.c_row = g.c_row;
      tile.start = g.start != nullptr ? g.start + j : nullptr;
      tile.accumulate = g.accumulate || p > 0;
      tile.columns = g.c_padded || g.n - j >= width ? width : g.n - j;
      multiply_panel(g, row, rows, vectors, tile);
      j += width;
    }
    p += k;
  } while (p < g.k);
}

// One row times a matrix that is read once, in the order in which it lies in memory; the
// sums stay in the first-level cache. They are the same as those of the tiles.
void multiply_row(const Gemm<T>& g) {
  const std::int64_t n = (g.n + lanes - 1) / lanes * lanes;
  if (!g.accumulate) {
    for (std::int64_t j = 0; j < n; j += lanes) store(g.c + j, g.start != nullptr ? load(g.start + j) : V{});
  }
  std::int64_t p = 0;
  for (; p + 4 <= g.k; p += 4) {
    const T* b = g.b + p * g.b_row;
    const V a0 = splat(g.a[p]), a1 = splat(g.a[p + 1]), a2 = splat(g.a[p + 2]), a3 = splat(g.a[p + 3]);
    for (std::int64_t j = 0; j < n; j += lanes) {
      V sum = load(g.c + j);
      sum += a0 * load(b + j);
      sum += a1 * load(b + g.b_row + j);
      sum += a2 * load(b + 2 * g.b_row + j);
      sum += a3 * load(b + 3 * g.b_row + j);
      store(g.c + j, sum);
    }
  }
  for (; p < g.k; ++p) {
    const V factor = splat(g.a[p]);
    for (std::int64_t j = 0; j < n; j += lanes) {
      store(g.c + j, load(g.c + j) + factor * load(g.b + p * g.b_row + j));
    }
  }
}

void gemm(const Gemm<T>& g) {
  if (g.m == 1 && g.a_col == 1 && g.b_col == 1 && g.c_padded && g.n >= 64) return multiply_row(g);
  // Packing pays where B doesn't stay in the first-level cache and is used several times.
  const bool large = g.k * g.b_row * static_cast<std::int64_t>(sizeof(T)) > 16384;
  const bool packed = g.b_col != 1 || (g.m >= 16 && large);
  for (std::int64_t row = 0; row < g.m; row += block_m) {
    multiply_block(g, row, g.m - row < block_m ? g.m - row : block_m, packed);
  }
}

void column_sums(std::int64_t rows, std::int64_t n, const T* g, std::int64_t g_row, T* out) {
  for (std::int64_t j = 0; j < n; j += lanes) {
    V even{}, odd{};
    std::int64_t i = 0;
    for (; i + 1 < rows; i += 2) {
      even += load(g + i * g_row + j);
      odd += load(g + (i + 1) * g_row + j);
    }
    if (i < rows) even += load(g + i * g_row + j);
    if (n - j >= lanes) {
      store(out + j, even + odd);
    } else {
      store_first(out + j, even + odd, n - j);
    }
  }
}

}  // namespace
}  // namespace nn::cpu
