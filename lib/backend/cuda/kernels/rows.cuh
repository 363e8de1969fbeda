// Rows that are copied and added.
#pragma once

#include "backend/cuda/kernels/threads.cuh"
#include "backend/cuda/step_state.hpp"

namespace nn::backend::cuda {

// y = x, or y += x.
template <typename T>
__global__ void copy_rows(Index rows, Index columns, Each<const T> x, Index x_row, Each<T> y, Index y_row,
                          bool accumulate) {
  for_elements(rows, columns, [&](Index i, Index j) {
    T& out = y[i * y_row + j];
    out = accumulate ? out + x[i * x_row + j] : x[i * x_row + j];
  });
}

template <typename T>
__global__ void add_rows(Index rows, Index columns, Each<const T> a, Index a_row, Each<const T> b,
                         Index b_row, Each<T> y, Index y_row) {
  for_elements(rows, columns,
               [&](Index i, Index j) { y[i * y_row + j] = a[i * a_row + j] + b[i * b_row + j]; });
}

// Copies the rows that the batch has, or the `chosen` ones where that isn't null, and writes zeros
// behind them, as all that follows computes whole batches.
template <typename T>
__global__ void place_floats(Each<const StepState> state, Index rows, Index columns,
                             Each<const std::uint32_t> chosen, Each<const T> from, Each<T> x) {
  for_elements(rows, columns, [&](Index i, Index j) {
    x[i * columns + j] = i < state->rows ? from[chosen_row(chosen, i) * columns + j] : T{0};
  });
}

// The same of bytes, by what each stands for.
template <typename T>
__global__ void place_bytes(Each<const StepState> state, Index rows, Index columns,
                            Each<const std::uint32_t> chosen, Each<const std::uint8_t> from, const T* values,
                            Each<T> x) {
  for_elements(rows, columns, [&](Index i, Index j) {
    x[i * columns + j] = i < state->rows ? values[from[chosen_row(chosen, i) * columns + j]] : T{0};
  });
}

}  // namespace nn::backend::cuda
