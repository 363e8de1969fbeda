// Sums over the rows of a matrix for each column: of some rows in T, of those sums in double.
// The order is always the same.
#pragma once

#include "backend/cuda/kernels/threads.cuh"

namespace nn::backend::cuda {

// Chunks that the rows are cut into.
inline Index chunks_of(Index rows) {
  const Index chunks = (rows + 255) / 256, most = most_of(512);
  return chunks < 1 ? 1 : chunks < most ? chunks : most;
}

// Partial sums that chunks leave for the totals: [chunks, terms, columns].
inline Index partial_count(Index rows, Index columns, Index terms) {
  return chunks_of(rows) * terms * columns;
}

inline Shape2 over_chunks(Index rows, Index columns) {
  return {dim3(static_cast<unsigned>((columns + lanes - 1) / lanes), static_cast<unsigned>(chunks_of(rows))),
          dim3(lanes, rows_at_once)};
}

// f(row, column, sums [terms]) adds what a row has for a column. Fills `partial`.
template <typename T, int terms, typename F>
__device__ void sum_chunk(Index rows, Index columns, double* partial, F f) {
  NN_SHARED(double, shared, terms* rows_at_once* lanes);
  const Index column = Index{blockIdx.x} * lanes + threadIdx.x;
  T sums[terms] = {};
  const Index first = Index{blockIdx.y} * rows_at_once + threadIdx.y;
  for (Index i = first; column < columns && i < rows; i += Index{gridDim.y} * rows_at_once)
    f(i, column, sums);
  for (int t = 0; t < terms; ++t)
    shared[(t * rows_at_once + threadIdx.y) * lanes + threadIdx.x] = static_cast<double>(sums[t]);
  __syncthreads();
  if (threadIdx.y >= terms || column >= columns) return;
  double total = 0;
  for (unsigned y = 0; y < rows_at_once; ++y)
    total += shared[(threadIdx.y * rows_at_once + y) * lanes + threadIdx.x];
  partial[(Index{blockIdx.y} * terms + threadIdx.y) * columns + column] = total;
}

inline Shape2 over_columns(Index columns) {
  return {dim3(static_cast<unsigned>((columns + lanes - 1) / lanes)), dim3(lanes, rows_at_once)};
}

// f(column, totals [terms]) in one thread for each column.
template <int terms, typename F>
__device__ __forceinline__ void for_totals(Index chunks, Index columns, const double* partial, F f) {
  NN_SHARED(double, shared, terms* rows_at_once* lanes);
  const Index column = Index{blockIdx.x} * lanes + threadIdx.x;
  for (int t = 0; t < terms; ++t) {
    double sum = 0;
    for (Index c = threadIdx.y; column < columns && c < chunks; c += rows_at_once)
      sum += partial[(c * terms + t) * columns + column];
    shared[(t * rows_at_once + threadIdx.y) * lanes + threadIdx.x] = sum;
  }
  __syncthreads();
  if (threadIdx.y > 0 || column >= columns) return;
  double totals[terms] = {};
  for (int t = 0; t < terms; ++t) {
    for (unsigned y = 0; y < rows_at_once; ++y)
      totals[t] += shared[(t * rows_at_once + y) * lanes + threadIdx.x];
  }
  f(column, totals);
}

template <typename T>
__global__ void sum_rows(Index rows, Index columns, Each<const T> x, Index row, Each<double> partial) {
  sum_chunk<T, 1>(rows, columns, partial, [&](Index i, Index j, T* sums) { sums[0] += x[i * row + j]; });
}

// sums [columns], overwritten.
template <typename T>
__global__ void finish_sums(Index chunks, Index columns, Each<const double> partial, Each<T> sums) {
  for_totals<1>(chunks, columns, partial,
                [&](Index j, const double* totals) { sums[j] = static_cast<T>(totals[0]); });
}

}  // namespace nn::backend::cuda
