// Tiles of a matrix product whose sums stay in registers.
#pragma once

#include "backend/cpu/kernels/vector.hpp"

namespace nn::backend::cpu {
namespace {

constexpr int panel_vectors = 2;  // columns of a packed panel
constexpr int accumulators = vector_registers == 32 ? 24 : 12;

// Rows of a tile of this many vectors of columns: as many as have an accumulator each.
constexpr int tile_rows(int vectors) { return vectors == 1 ? 8 : accumulators / vectors; }
constexpr int most_tile_rows = tile_rows(panel_vectors) > 8 ? tile_rows(panel_vectors) : 8;
// A few rows take more columns at once, so that enough sums are under way.
constexpr int wide_vectors(std::int64_t rows) { return rows == 1 ? 8 : 4; }
constexpr std::int64_t most_wide_rows = 3;

// `total` things in as few parts of nearly equal size as `most` in a part allows.
struct Parts {
  Parts(std::int64_t total, std::int64_t most)
      : count((total + most - 1) / most), size(count > 0 ? total / count : 0), larger(total - size * count) {}
  std::int64_t of(std::int64_t i) const { return size + (i < larger ? 1 : 0); }
  std::int64_t count, size, larger;
};

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
  for (const T* const end = b + t.k * b_row; b != end; b += b_row) {
    V row[N];
#pragma GCC unroll 8
    for (int v = 0; v < N; ++v) row[v] = load_beyond(b + v * lanes);
#pragma GCC unroll 16
    for (int i = 0; i < M; ++i) {
      const V factor = splat(ByColumn ? a[i] : a[i * stride]);
#pragma GCC unroll 8
      for (int v = 0; v < N; ++v) sums[i][v] += factor * row[v];
    }
    a += ByColumn ? stride : 1;
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
  if constexpr (N <= panel_vectors && most_tile_rows > 8) {
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

}  // namespace
}  // namespace nn::backend::cpu
