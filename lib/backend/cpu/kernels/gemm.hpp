// Matrix products: register tiles over blocks that fit the caches.
#pragma once

#include "backend/cpu/kernels/gemm_pack.hpp"

namespace nn::backend::cpu {
namespace {

constexpr std::int64_t block_k = vector_bytes == 64 ? 192 : 288;   // a panel of B: first-level cache
constexpr std::int64_t block_m = 192;                              // such rows of A: second-level cache
constexpr std::int64_t block_n = 512;                              // panels of B that are kept
constexpr std::int64_t packed_rows_size = block_m * block_k + 16;  // whole vectors are written
static_assert(packed_rows_size + block_k * block_n <= panel_size);

// These rows times one panel of columns, in tiles of nearly equal height.
void multiply_panel(const Gemm<T>& g, const Rows& r, int vectors, Tile& tile) {
  const bool by_column = g.a_col != 1, packed = r.packed != nullptr;
  const std::int64_t height = packed                    ? tile_rows(panel_vectors)
                              : vectors > panel_vectors ? most_wide_rows
                                                        : tile_rows(vectors);
  const Parts tiles(r.rows, height);
  const T* a = packed ? r.packed : g.a + r.row * g.a_row + r.p * g.a_col;
  const std::int64_t a_row = packed ? r.k : g.a_row;
  tile.c += r.row * g.c_row;
  for (std::int64_t i = 0; i < tiles.count; ++i) {
    const std::int64_t rows = tiles.of(i);
    tile.a = a;
    tile.stride = !by_column ? a_row : packed ? rows : g.a_col;
    (by_column ? find_tile<true>(rows, vectors) : find_tile<false>(rows, vectors))(tile);
    a += rows * a_row;
    tile.c += rows * g.c_row;
  }
}

// Columns from j on, for products with k rows of B from row p on.
Tile columns_of(const Gemm<T>& g, std::int64_t p, std::int64_t k, std::int64_t j, int vectors) {
  const std::int64_t width = vectors * lanes;
  Tile tile;
  tile.b = g.b + p * g.b_row + j;
  tile.b_row = g.b_row;
  tile.k = k;
  tile.c = g.c + j;
  tile.c_row = g.c_row;
  tile.start = g.start != nullptr ? g.start + j : nullptr;
  tile.accumulate = g.accumulate || p > 0;
  tile.columns = g.c_padded || g.n - j >= width ? width : g.n - j;
  return tile;
}

void multiply_unpacked(const Gemm<T>& g) {
  for (std::int64_t j = 0; j < g.n;) {
    const std::int64_t left = (g.n - j + lanes - 1) / lanes;
    int vectors = g.m > most_wide_rows ? panel_vectors : wide_vectors(g.m);
    while (vectors > left) vectors /= 2;
    Tile tile = columns_of(g, 0, g.k, j, vectors);
    multiply_panel(g, {0, g.m, 0, g.k, nullptr}, vectors, tile);
    j += vectors * lanes;
  }
}

// A panel of B is packed when the first block of rows needs it; the others find it there.
void multiply_packed(const Gemm<T>& g) {
  const Parts row_blocks(g.m, block_m), k_blocks(g.k, block_k);
  const bool keep = row_blocks.count > 1;
  const std::int64_t step_n = keep ? block_n : g.n;
  // Rows of a large A lie on many pages, and at some strides they push each other out of a cache.
  const bool pack_a = g.m >= 16 && g.n >= 256 && g.m * g.k > 131072;
  T* const panels = g.panel + packed_rows_size;
  for (std::int64_t first = 0; first < g.n; first += step_n) {
    const std::int64_t end = g.n - first < step_n ? g.n : first + step_n;
    for (std::int64_t p = 0, kb = 0; kb < k_blocks.count; p += k_blocks.of(kb), ++kb) {
      Rows r{0, 0, p, k_blocks.of(kb), pack_a ? g.panel : nullptr};
      for (std::int64_t i = 0; i < row_blocks.count; ++i, r.row += r.rows) {
        r.rows = row_blocks.of(i);
        if (pack_a) pack_rows(g, r, g.panel);
        for (std::int64_t j = first; j < end;) {
          const int vectors = g.n - j > lanes ? panel_vectors : 1;
          T* panel = keep ? panels + (j - first) * r.k : panels;
          if (i == 0) pack_panel(g, p, r.k, j, vectors, panel);
          Tile tile = columns_of(g, p, r.k, j, vectors);
          tile.b = panel;
          tile.b_row = vectors * lanes;
          multiply_panel(g, r, vectors, tile);
          j += vectors * lanes;
        }
      }
    }
  }
}

// c += the products with `Count` rows of B from row p on, all n columns.
template <int Count>
void add_products(const Gemm<T>& g, std::int64_t p, std::int64_t n) {
  const T* b = g.b + p * g.b_row;
  V factors[Count];
#pragma GCC unroll 8
  for (int i = 0; i < Count; ++i) factors[i] = splat(g.a[p + i]);
  for (std::int64_t j = 0; j < n; j += lanes) {
    V sum = load(g.c + j);
#pragma GCC unroll 8
    for (int i = 0; i < Count; ++i) sum += factors[i] * load(b + i * g.b_row + j);
    store(g.c + j, sum);
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
  for (; p + 8 <= g.k; p += 8) add_products<8>(g, p, n);
  for (; p + 4 <= g.k; p += 4) add_products<4>(g, p, n);
  for (; p < g.k; ++p) add_products<1>(g, p, n);
}

void gemm(const Gemm<T>& g) {
  if (g.m == 1 && g.a_col == 1 && g.b_col == 1 && g.c_padded && g.n >= 64) return multiply_row(g);
  // Packing pays where B doesn't stay in the first-level cache and is used several times.
  const bool large = g.k * g.b_row * static_cast<std::int64_t>(sizeof(T)) > 16384;
  if (g.k > 0 && (g.b_col != 1 || (g.m >= 16 && large))) {
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
}  // namespace nn::backend::cpu
