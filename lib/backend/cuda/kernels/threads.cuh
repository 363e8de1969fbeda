// Loops in which threads share matrices, rows and columns.
#pragma once

#include "backend/cuda/dialect.cuh"

namespace nn::backend::cuda {

constexpr unsigned all_lanes = 0xFFFFFFFF, lanes = 32;
constexpr unsigned rows_at_once = 8;  // of a block

// A thread for each element of a matrix: for for_elements(). Of narrow ones a warp has several rows.
inline Shape2 over_elements(Index rows, Index columns) {
  const Index most = most_of(65535);
  unsigned width = lanes;
  while (width > 1 && width / 2 >= columns) width /= 2;
  const unsigned height = lanes * rows_at_once / width;
  const Index across = (columns + width - 1) / width, down = (rows + height - 1) / height;
  return {dim3(static_cast<unsigned>(across < most ? across : most),
               static_cast<unsigned>(down < most ? down : most)),
          dim3(width, height)};
}

// f(row, column): neighbouring threads have neighbouring columns.
template <typename F>
__device__ __forceinline__ void for_elements(Index rows, Index columns, F f) {
  const Index first_row = Index{blockIdx.y} * blockDim.y + threadIdx.y,
              row_step = Index{gridDim.y} * blockDim.y;
  const Index first = Index{blockIdx.x} * blockDim.x + threadIdx.x, step = Index{gridDim.x} * blockDim.x;
  NN_ROLLED for (Index row = first_row; row < rows; row += row_step) {
    NN_ROLLED for (Index column = first; column < columns; column += step) f(row, column);
  }
}

// A thread for each element of a vector: for for_each().
inline Shape2 over_vector(Index count) {
  constexpr Index threads = 256;
  const Index most = most_of(4096);
  const Index blocks = (count + threads - 1) / threads;
  return {dim3(static_cast<unsigned>(blocks < 1      ? 1
                                     : blocks < most ? blocks
                                                     : most)),
          dim3(static_cast<unsigned>(threads))};
}

template <typename F>
__device__ __forceinline__ void for_each(Index count, F f) {
  const Index step = Index{gridDim.x} * blockDim.x;
  NN_ROLLED for (Index i = Index{blockIdx.x} * blockDim.x + threadIdx.x; i < count; i += step) f(i);
}

// A warp for each row: for for_rows().
inline Shape2 over_rows(Index rows) {
  const Index most = most_of(65535);
  const Index blocks = (rows + rows_at_once - 1) / rows_at_once;
  return {dim3(static_cast<unsigned>(blocks < most ? blocks : most)), dim3(lanes, rows_at_once)};
}

// The row of a data set that is row i of a batch; null: the batch is all there is.
__device__ __forceinline__ Index chosen_row(Each<const std::uint32_t> chosen, Index i) {
  return chosen != nullptr ? Index{chosen[i]} : i;
}

// f(row) in all lanes of a warp at once; they share its columns.
template <typename F>
__device__ __forceinline__ void for_rows(Index rows, F f) {
  const Index step = Index{gridDim.x} * blockDim.y;
  NN_ROLLED for (Index row = Index{blockIdx.x} * blockDim.y + threadIdx.y; row < rows; row += step) f(row);
}

// Over the lanes of a warp; all of them get it.
template <typename T>
__device__ __forceinline__ T warp_sum(T value) {
  for (int distance = lanes / 2; distance > 0; distance /= 2)
    value += __shfl_xor_sync(all_lanes, value, distance);
  return value;
}

// Values that are not numbers are lost here, and have to show elsewhere.
template <typename T>
__device__ __forceinline__ T warp_largest(T value) {
  for (int distance = lanes / 2; distance > 0; distance /= 2) {
    const T other = __shfl_xor_sync(all_lanes, value, distance);
    value = other > value ? other : value;
  }
  return value;
}

// Sum of f(column) over a row, in all lanes.
template <typename T, typename F>
__device__ __forceinline__ T row_sum(Index columns, F f) {
  T sum = 0;
  for (Index j = threadIdx.x; j < columns; j += lanes) sum += f(j);
  return warp_sum(sum);
}

// Sum over the threads of a block of 256; thread 0 gets it.
__device__ __forceinline__ double block_sum(double value) {
  NN_SHARED(double, sums, 256);
  sums[threadIdx.x] = value;
  __syncthreads();
  for (unsigned half = 128; half > 0; half /= 2) {
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    __syncthreads();
  }
  return sums[0];
}

}  // namespace nn::backend::cuda
