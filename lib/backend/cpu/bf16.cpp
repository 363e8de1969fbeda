// Compiled once for each instruction set (NN_LEVEL), as kernels.cpp is.
#include "backend/cpu/bf16.hpp"

#include "backend/cpu/kernels/vector.hpp"

#if defined(__AVX512BF16__)
  #include <immintrin.h>
#endif

#define NN_JOIN_(level) level##_bf16_kernels
#define NN_JOIN(level) NN_JOIN_(level)

namespace nn::backend::cpu {
namespace {

typedef std::uint32_t U __attribute__((vector_size(vector_bytes)));
typedef std::uint32_t UnalignedU __attribute__((vector_size(vector_bytes), aligned(4), may_alias));

constexpr int vectors = 2;  // columns of a tile
constexpr std::int64_t tile_columns = vectors * lanes;
constexpr int tile_rows = vector_registers == 32 ? 12 : 4;
static_assert(bf16_columns % tile_columns == 0 && tile_rows <= bf16_rows);

inline std::uint32_t rounded(float value) {
  std::uint32_t bits = 0;
  __builtin_memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7FFFFFFF) > 0x7F800000) return (bits >> 16) | 0x40;  // stays no number
  return (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
}

// The first in the lower half.
inline std::uint32_t pair(float first, float second) { return rounded(first) | rounded(second) << 16; }

inline U load_pairs(const std::uint32_t* p) { return *reinterpret_cast<const UnalignedU*>(p); }

// sum + the products of both halves, the upper one first.
inline V add_products(V sum, std::uint32_t a, U b) {
  const U wide = a - U{};
#if defined(__AVX512BF16__)
  return reinterpret_cast<V>(_mm512_dpbf16_ps(reinterpret_cast<__m512>(sum), reinterpret_cast<__m512bh>(wide),
                                              reinterpret_cast<__m512bh>(b)));
#else
  sum += reinterpret_cast<V>(wide & 0xFFFF0000) * reinterpret_cast<V>(b & 0xFFFF0000);
  return sum + reinterpret_cast<V>(wide << 16) * reinterpret_cast<V>(b << 16);
#endif
}

// Panels of tile_columns columns, one after the other: in each a line of pairs for every two rows.
void pack(std::int64_t k, std::int64_t n, const float* b, std::int64_t b_row, std::uint32_t* packed) {
  for (std::int64_t j = 0; j < n; j += tile_columns) {
    for (std::int64_t p = 0; p < k; p += 2, packed += tile_columns) {
      for (std::int64_t c = 0; c < tile_columns; ++c) {
        const float* at = b + p * b_row + j + c;
        const bool inside = j + c < n;
        packed[c] = pair(inside ? at[0] : 0, inside && p + 1 < k ? at[b_row] : 0);
      }
    }
  }
}

struct Tile {
  const std::uint32_t* a;
  std::int64_t pairs;
  const std::uint32_t* b;
  const float* start;
  float* c;
  std::int64_t c_row, columns;
};

template <int M>
void multiply_tile(const Tile& t) {
  V sums[M][vectors];
#pragma GCC unroll 12
  for (int i = 0; i < M; ++i) {
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) {
      const bool present = t.start != nullptr && v * lanes < t.columns;
      sums[i][v] = present ? load(t.start + v * lanes) : V{};
    }
  }
  const std::uint32_t* b = t.b;
  for (std::int64_t p = 0; p < t.pairs; ++p, b += tile_columns) {
    U row[vectors];
#pragma GCC unroll 2
    for (int v = 0; v < vectors; ++v) row[v] = load_pairs(b + v * lanes);
#pragma GCC unroll 12
    for (int i = 0; i < M; ++i) {
#pragma GCC unroll 2
      for (int v = 0; v < vectors; ++v) sums[i][v] = add_products(sums[i][v], t.a[i * t.pairs + p], row[v]);
    }
  }
  for (int i = 0; i < M; ++i) {
    for (int v = 0; v < vectors; ++v) {
      const std::int64_t left = t.columns - v * lanes;
      if (left >= lanes) {
        store(t.c + i * t.c_row + v * lanes, sums[i][v]);
      } else if (left > 0) {
        store_first(t.c + i * t.c_row + v * lanes, sums[i][v], left);
      }
    }
  }
}

template <int M>
void multiply_rows(std::int64_t rows, const Tile& tile) {
  if (rows == M) return multiply_tile<M>(tile);
  if constexpr (M > 1) multiply_rows<M - 1>(rows, tile);
}

void gemm(const Bf16Gemm& g) {
  const std::int64_t pairs = bf16_pairs(g.k);
  const std::int64_t columns = g.c_padded ? (g.n + 15) / 16 * 16 : g.n;
  for (std::int64_t i = 0; i < g.m; i += tile_rows) {
    const std::int64_t rows = g.m - i < tile_rows ? g.m - i : tile_rows;
    for (std::int64_t r = 0; r < rows; ++r) {
      const float* a = g.a + (i + r) * g.a_row;
      std::uint32_t* to = g.pairs + r * pairs;
      for (std::int64_t p = 0; p < g.k / 2; ++p) to[p] = pair(a[2 * p], a[2 * p + 1]);
      if (g.k % 2 != 0) to[pairs - 1] = pair(a[g.k - 1], 0);
    }
    const std::uint32_t* b = g.b;
    for (std::int64_t j = 0; j < g.n; j += tile_columns, b += pairs * tile_columns) {
      const Tile tile = {
          g.pairs, pairs,      b, g.start != nullptr ? g.start + j : nullptr, g.c + i * g.c_row + j,
          g.c_row, columns - j};
      multiply_rows<tile_rows>(rows, tile);
    }
  }
}

}  // namespace

const Bf16Kernels NN_JOIN(NN_LEVEL) = {.pack = pack, .gemm = gemm};

}  // namespace nn::backend::cpu
