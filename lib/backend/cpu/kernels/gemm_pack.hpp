// Parts of matrices copied to where a product reads them one after the other.
#pragma once

#include <cstring>
#include <utility>

#include "backend/cpu/kernels/gemm_tile.hpp"

namespace nn::backend::cpu {
namespace {

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
      __builtin_prefetch(b + width, 0, 2);
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

// A part of A: rows [row, row + rows), columns [p, p + k).
struct Rows {
  std::int64_t row, rows, p, k;
  const T* packed;  // null: they are read where they are
};

// The tiles of these rows, one after the other: as rows, or by columns if A is.
void pack_rows(const Gemm<T>& g, const Rows& r, T* out) {
  const T* a = g.a + r.row * g.a_row + r.p * g.a_col;
  if (g.a_col == 1) {
    for (std::int64_t i = 0; i < r.rows; ++i) {
      std::memcpy(out + i * r.k, a + i * g.a_row, static_cast<std::size_t>(r.k) * sizeof(T));
    }
    return;
  }
  const Parts tiles(r.rows, tile_rows(panel_vectors));
  // Whole vectors read and write more than a tile has. What they write is overwritten by what
  // follows; only in the last column might there be nothing to read.
  const std::int64_t whole = r.p + r.k == g.k ? r.k - 1 : r.k;
  for (std::int64_t t = 0; t < tiles.count; ++t) {
    const std::int64_t rows = tiles.of(t);
    for (std::int64_t i = 0; i < whole; ++i, out += rows) {
      for (std::int64_t l = 0; l < rows; l += lanes) store(out + l, load(a + i * g.a_col + l));
    }
    if (whole < r.k) {
      for (std::int64_t l = 0; l < rows; ++l) out[l] = a[whole * g.a_col + l];
      out += rows;
    }
    a += rows;
  }
}

}  // namespace
}  // namespace nn::backend::cpu
