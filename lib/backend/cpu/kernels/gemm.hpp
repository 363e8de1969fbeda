// Matrix products: register tiles over panels of B that fit the first-level cache.
#pragma once

#include <cstring>
#include <utility>

#include "backend/cpu/kernels/vector.hpp"

namespace nn::cpu {
namespace {

constexpr std::int64_t block_k = 288;  // rows of a packed panel
constexpr std::int64_t block_m = 192;  // rows of A that stay in the second-level cache
constexpr std::int64_t block_n = 512;
constexpr int panel_vectors = 2;  // columns of a packed panel
constexpr int accumulators = vector_registers == 32 ? 24 : 12;

// Rows of a tile of this many vectors of columns: as many as have an accumulator each.
constexpr int tile_rows(int vectors) { return vectors == 1 ? 8 : accumulators / vectors; }
constexpr int most_tile_rows = tile_rows(panel_vectors) > 8 ? tile_rows(panel_vectors) : 8;
// A few rows take more columns at once, so that enough sums are under way.
constexpr int wide_vectors(std::int64_t rows) { return rows == 1 ? 8 : 4; }
constexpr std::int64_t most_wide_rows = 3;

static_assert(block_k * (block_m + block_n) + 64 <= panel_size);

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

// Two rows at this distance exchange blocks of as many elements; within 16 bytes, where that
// is cheaper, their elements alternate. All distances together transpose.
template <int Distance, int... L>
void exchange(V& a, V& b, std::integer_sequence<int, L...>) {
  constexpr int group = 16 / static_cast<int>(sizeof(T)), half = group / 2;
  V low, high;
  if constexpr (Distance >= group) {
    low = __builtin_shufflevector(a, b, ((L & Distance) == 0 ? L : L - Distance + lanes)...);
    high = __builtin_shufflevector(a, b, ((L & Distance) == 0 ? L + Distance : L + lanes)...);
  } else {
    low = __builtin_shufflevector(a, b, (L - L % group + L % group / 2 + L % 2 * lanes)...);
    high = __builtin_shufflevector(a, b, (L - L % group + L % group / 2 + L % 2 * lanes + half)...);
  }
  a = low;
  b = high;
}

template <int Distance>
void transpose(V (&rows)[lanes]) {
#pragma GCC unroll 16
  for (int i = 0; i < lanes; ++i) {
    if ((i & Distance) == 0) {
      exchange<Distance>(rows[i], rows[i + Distance], std::make_integer_sequence<int, lanes>());
    }
  }
  if constexpr (Distance > 1) transpose<Distance / 2>(rows);
}

// Columns [j, j + vectors * lanes) of k rows of B from row p on, one after the other. What
// stands for columns that B doesn't have reaches no result.
void pack_panel(const Gemm<T>& g, std::int64_t p, std::int64_t k, std::int64_t j, int vectors, T* out) {
  const std::int64_t width = vectors * lanes;
  if (g.b_col == 1) {
    const T* b = g.b + p * g.b_row + j;
    for (std::int64_t i = 0; i < k; ++i, b += g.b_row, out += width) {
      for (int v = 0; v < vectors; ++v) store(out + v * lanes, load(b + v * lanes));
    }
    return;
  }
  for (int v = 0; v < vectors; ++v, j += lanes, out += lanes) {
    const T* columns[lanes];
    for (int c = 0; c < lanes; ++c) columns[c] = g.b + p + (j + c < g.n ? j + c : g.n - 1) * g.b_col;
    std::int64_t i = 0;
    for (; i + lanes <= k; i += lanes) {
      V rows[lanes];
#pragma GCC unroll 16
      for (int c = 0; c < lanes; ++c) rows[c] = load(columns[c] + i);
      transpose<lanes / 2>(rows);
#pragma GCC unroll 16
      for (int c = 0; c < lanes; ++c) store(out + (i + c) * width, rows[c]);
    }
    for (; i < k; ++i) {
      for (int c = 0; c < lanes; ++c) out[i * width + c] = columns[c][i];
    }
  }
}

// `total` things in as few parts of nearly equal size as `most` in a part allows.
struct Parts {
  Parts(std::int64_t total, std::int64_t most)
      : count((total + most - 1) / most), size(count > 0 ? total / count : 0), larger(total - size * count) {}
  std::int64_t of(std::int64_t i) const { return size + (i < larger ? 1 : 0); }
  std::int64_t count, size, larger;
};

// A part of A: rows [row, row + rows), columns [p, p + k).
struct Rows {
  std::int64_t row, rows, p, k;
};

// The tiles of these rows, one after the other.
void pack_rows(const Gemm<T>& g, const Rows& r, T* out) {
  const T* a = g.a + r.row * g.a_row + r.p * g.a_col;
  if (g.a_col == 1) {
    for (std::int64_t i = 0; i < r.rows; ++i) {
      std::memcpy(out + i * r.k, a + i * g.a_row, static_cast<std::size_t>(r.k) * sizeof(T));
    }
    return;
  }
  const Parts tiles(r.rows, tile_rows(panel_vectors));
  const bool at_end = r.p + r.k == g.k;
  for (std::int64_t t = 0; t < tiles.count; ++t) {
    const std::int64_t count = tiles.of(t);
    // What whole vectors write too much is overwritten by what follows.
    for (std::int64_t i = 0; i < r.k - (at_end ? 1 : 0); ++i, out += count) {
      for (std::int64_t l = 0; l < count; l += lanes) store(out + l, load(a + i * g.a_col + l));
    }
    if (at_end) {
      for (std::int64_t l = 0; l < count; ++l) out[l] = a[(r.k - 1) * g.a_col + l];
      out += count;
    }
    a += count;
  }
}

// All rows of one panel of columns, in tiles of nearly equal height.
void multiply_panel(const Gemm<T>& g, const Rows& r, const T* packed_rows, int vectors, Tile& tile) {
  const bool by_column = g.a_col != 1;
  const int height_vectors = packed_rows != nullptr ? panel_vectors : vectors;
  const Parts tiles(r.rows, height_vectors > panel_vectors ? most_wide_rows : tile_rows(height_vectors));
  const T* a = packed_rows != nullptr ? packed_rows : g.a + r.row * g.a_row + r.p * g.a_col;
  const std::int64_t a_row = packed_rows != nullptr ? r.k : g.a_row;
  tile.stride = by_column ? g.a_col : a_row;
  tile.c += r.row * g.c_row;
  for (std::int64_t i = 0; i < tiles.count; ++i) {
    const std::int64_t count = tiles.of(i);
    tile.a = a;
    if (by_column && packed_rows != nullptr) tile.stride = count;
    (by_column ? find_tile<true>(count, vectors) : find_tile<false>(count, vectors))(tile);
    a += count * a_row;
    tile.c += count * g.c_row;
  }
}

Tile tile_of(const Gemm<T>& g, std::int64_t p, std::int64_t k, std::int64_t j, int vectors) {
  Tile tile;
  tile.b = g.b + p * g.b_row + j;
  tile.b_row = g.b_row;
  tile.k = k;
  tile.c = g.c + j;
  tile.c_row = g.c_row;
  tile.start = g.start != nullptr ? g.start + j : nullptr;
  tile.accumulate = g.accumulate || p > 0;
  tile.columns = g.c_padded || g.n - j >= vectors * lanes ? vectors * lanes : g.n - j;
  return tile;
}

void multiply_unpacked(const Gemm<T>& g) {
  for (std::int64_t j = 0; j < g.n;) {
    const std::int64_t left = (g.n - j + lanes - 1) / lanes;
    int vectors = g.m > most_wide_rows ? panel_vectors : wide_vectors(g.m);
    while (vectors > left) vectors /= 2;
    Tile tile = tile_of(g, 0, g.k, j, vectors);
    multiply_panel(g, {0, g.m, 0, g.k}, nullptr, vectors, tile);
    j += vectors * lanes;
  }
}

// A block of B is packed while the first block of rows needs it; the others find it there.
void multiply_packed(const Gemm<T>& g) {
  const Parts row_blocks(g.m, block_m), k_blocks(g.k > 0 ? g.k : 1, block_k);
  const bool single = row_blocks.count == 1;
  // Packing rows pays where they are read by many columns and don't stay in the second-level cache.
  const bool pack_a = g.n >= 256 && g.m * g.k > 131072;
  T* packed_rows = pack_a ? g.panel : nullptr;
  T* packed_b = g.panel + block_m * block_k + 64;
  const std::int64_t step_n = single ? g.n : block_n;
  for (std::int64_t first = 0; first < g.n; first += step_n) {
    const std::int64_t end = g.n - first < step_n ? g.n : first + step_n;
    std::int64_t p = 0;
    for (std::int64_t kb = 0; kb < k_blocks.count; p += k_blocks.of(kb++)) {
      const std::int64_t k = g.k > 0 ? k_blocks.of(kb) : 0;
      Rows r{0, 0, p, k};
      for (std::int64_t rb = 0; rb < row_blocks.count; r.row += r.rows, ++rb) {
        r.rows = row_blocks.of(rb);
        if (pack_a) pack_rows(g, r, packed_rows);
        T* panel = packed_b;
        for (std::int64_t j = first; j < end;) {
          const int vectors = g.n - j > lanes ? panel_vectors : 1;
          if (rb == 0) pack_panel(g, p, k, j, vectors, panel);
          Tile tile = tile_of(g, p, k, j, vectors);
          tile.b = panel;
          tile.b_row = vectors * lanes;
          multiply_panel(g, r, packed_rows, vectors, tile);
          j += vectors * lanes;
          if (!single) panel += vectors * lanes * k;
        }
      }
    }
  }
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
  if (packed) {
    multiply_packed(g);
  } else {
    multiply_unpacked(g);
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
