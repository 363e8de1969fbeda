// Numbers as they are, and for each category the row of the table that stands for it.
// Categories come one-hot: an unknown one is all zero, and so is what it becomes. Nearly all codes
// are 0: a warp looks at 32 of them at once, and all its lanes work on those that are not.
#pragma once

#include "backend/cuda/kernels/threads.cuh"

namespace nn::backend::cuda {

// Inputs from `first` on: `width` numbers, or a category of so many codes, whose table rows begin
// at `table`, -1 for numbers. They become outputs from `output` on.
struct EmbeddedSegment {
  std::int32_t first, width, table, output;
};

// f(k, code) in all lanes of a warp for each code k that is not 0, of those in places
// part, part + parts, ... of 32 each.
template <typename T, typename Get, typename F>
__device__ __forceinline__ void for_codes(Index count, unsigned part, unsigned parts, Get code_of, F f) {
  for (Index first = Index{part} * lanes; first < count; first += Index{parts} * lanes) {
    const Index k = first + threadIdx.x;
    const T code = k < count ? code_of(k) : T{0};
    for (unsigned left = __ballot_sync(all_lanes, code != T{0}); left != 0; left &= left - 1) {
      const int lane = __ffs(left) - 1;
      f(first + lane, __shfl_sync(all_lanes, code, lane));
    }
  }
}

template <typename T>
__device__ void embed_category(const EmbeddedSegment& s, Index units, const T* codes, const T* table, T* y) {
  for (Index first = 0; first < units; first += lanes) {
    const Index unit = first + threadIdx.x;
    T sum = 0;
    for_codes<T>(
        s.width, 0, 1, [&](Index k) { return codes[k]; },
        [&](Index k, T code) {
          if (unit < units) sum += code * table[(s.table + k) * units + unit];
        });
    if (unit < units) y[unit] = sum;
  }
}

// A warp for each segment of each row.
inline Shape2 over_segments(Index rows, Index segments) {
  Shape2 shape = over_rows(rows);
  const Index most = most_of(65535);
  shape.grid.y = static_cast<unsigned>(segments < most ? segments : most);
  return shape;
}

template <typename T>
__global__ void embed(Index rows, Index segments, Index units, const EmbeddedSegment* layout, Each<const T> x,
                      Index x_row, Each<const T> table, Each<T> y, Index y_row) {
  for (Index segment = blockIdx.y; segment < segments; segment += gridDim.y) {
    const EmbeddedSegment s = layout[segment];
    for_rows(rows, [&](Index i) {
      const T* from = x + (i * x_row + s.first);
      T* to = y + (i * y_row + s.output);
      if (s.table >= 0) return embed_category<T>(s, units, from, table, to);
      for (Index k = threadIdx.x; k < s.width; k += lanes) to[k] = from[k];
    });
  }
}

// For each row of the table: the input that chooses it, and where its output begins.
struct TableRow {
  std::int32_t input, output;
};

// gradient [table rows, units], overwritten. A block for each row of the table, whose warps share the
// batch.
template <typename T>
__global__ void embed_back(Index rows, Index table_rows, Index units, const TableRow* layout, Each<const T> x,
                           Index x_row, Each<const T> g, Index g_row, Each<T> gradient) {
  NN_SHARED(T, sums, rows_at_once * lanes);
  for (Index r = blockIdx.x; r < table_rows; r += gridDim.x) {
    const TableRow t = layout[r];
    for (Index first = 0; first < units; first += lanes) {
      const Index unit = first + threadIdx.x;
      T sum = 0;
      for_codes<T>(
          rows, threadIdx.y, rows_at_once, [&](Index i) { return x[i * x_row + t.input]; },
          [&](Index i, T code) {
            if (unit < units) sum += code * g[i * g_row + t.output + unit];
          });
      sums[threadIdx.y * lanes + threadIdx.x] = sum;
      __syncthreads();
      for (unsigned y = 1; threadIdx.y == 0 && y < rows_at_once; ++y) sum += sums[y * lanes + threadIdx.x];
      if (threadIdx.y == 0 && unit < units) gradient[r * units + unit] = sum;
      __syncthreads();
    }
  }
}

}  // namespace nn::backend::cuda
