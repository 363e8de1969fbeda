// Batch normalisation (Ioffe & Szegedy 2015, algorithm 1) and layer normalisation (Ba, Kiros &
// Hinton 2016) of pixels, the rows of a matrix.
#pragma once

#include "backend/cuda/kernels/columns.cuh"
#include "backend/cuda/step_state.hpp"

namespace nn::backend::cuda {

// Arrays over the channels, each [channels].
template <typename T>
struct BatchMoments {
  Each<T> mean, factor;        // 1 / standard deviation
  Each<T> scale, shift;        // y = x * scale + shift
  Each<T> by_x, by_g, offset;  // gradient = x * by_x + g * by_g + offset
};

template <typename T>
struct BatchNormParameters {
  Each<const T> gamma, beta;
  Each<T> moving_mean, moving_variance;  // changed in training only
  double momentum, epsilon;
};

template <typename T>
__device__ void set_scale(const BatchNormParameters<T>& p, const BatchMoments<T>& m, Index c, T variance) {
  m.factor[c] = static_cast<T>(1 / sqrt(static_cast<double>(variance) + p.epsilon));
  m.scale[c] = p.gamma[c] * m.factor[c];
  m.shift[c] = p.beta[c] - m.mean[c] * m.scale[c];
}

// For prediction, by the moving statistics.
template <typename T>
__global__ void use_moving_moments(Index channels, BatchNormParameters<T> p, BatchMoments<T> m) {
  for_each(channels, [&](Index c) {
    m.mean[c] = p.moving_mean[c];
    set_scale(p, m, c, p.moving_variance[c]);
  });
}

// Sums over the rows that are there, of x or of (x - mean)^2.
template <typename T>
__global__ void sum_present(Each<const StepState> state, Index pixels, Index channels, Each<const T> x,
                            Index row, Each<double> partial) {
  sum_chunk<T, 1>(state->rows * pixels, channels, partial,
                  [&](Index i, Index j, T* sums) { sums[0] += x[i * row + j]; });
}
template <typename T>
__global__ void sum_squares(Each<const StepState> state, Index pixels, Index channels, Each<const T> x,
                            Index row, Each<const T> mean, Each<double> partial) {
  sum_chunk<T, 1>(state->rows * pixels, channels, partial, [&](Index i, Index j, T* sums) {
    const T d = x[i * row + j] - mean[j];
    sums[0] += d * d;
  });
}

template <typename T>
__global__ void finish_mean(Each<const StepState> state, Index pixels, Index chunks, Index channels,
                            Each<const double> partial, Each<T> mean) {
  const double count = static_cast<double>(state->rows * pixels);
  for_totals<1>(chunks, channels, partial,
                [&](Index c, const double* totals) { mean[c] = static_cast<T>(totals[0] / count); });
}

// The moving statistics follow those of the batch.
template <typename T>
__global__ void finish_variance(Each<const StepState> state, Index pixels, Index chunks, Index channels,
                                Each<const double> partial, BatchNormParameters<T> p, BatchMoments<T> m) {
  const double count = static_cast<double>(state->rows * pixels);
  const T kept = static_cast<T>(p.momentum), taken = static_cast<T>(1 - p.momentum);
  for_totals<1>(chunks, channels, partial, [&](Index c, const double* totals) {
    const T variance = static_cast<T>(totals[0] / count);
    set_scale(p, m, c, variance);
    if (!state->has_part) return;
    p.moving_mean[c] = kept * p.moving_mean[c] + taken * m.mean[c];
    p.moving_variance[c] = kept * p.moving_variance[c] + taken * variance;
  });
}

template <typename T>
__global__ void scale_channels(Index pixels, Index channels, Each<const T> x, Index row, Each<const T> scale,
                               Each<const T> shift, Each<T> y, Index y_row) {
  for_elements(pixels, channels,
               [&](Index i, Index j) { y[i * y_row + j] = x[i * row + j] * scale[j] + shift[j]; });
}

// Sums of g and of g * x.
template <typename T>
__global__ void sum_products(Index pixels, Index channels, Each<const T> x, Index row, Each<const T> g,
                             Index g_row, Each<double> partial) {
  sum_chunk<T, 2>(pixels, channels, partial, [&](Index i, Index j, T* sums) {
    const T v = g[i * g_row + j];
    sums[0] += v;
    sums[1] += v * x[i * row + j];
  });
}

// With n = (x - mean) * factor: x's gradient = gamma * factor * (g - mean(g) - n * mean(g * n)).
template <typename T>
__global__ void finish_batch_norm_back(Each<const StepState> state, Index pixels, Index chunks,
                                       Index channels, Each<const double> partial, Each<const T> gamma,
                                       BatchMoments<T> m, Each<T> gamma_gradient, Each<T> beta_gradient) {
  const double count = static_cast<double>(state->rows * pixels);
  for_totals<2>(chunks, channels, partial, [&](Index c, const double* totals) {
    const double g = totals[0], gx = totals[1];
    const double mean = static_cast<double>(m.mean[c]), factor = static_cast<double>(m.factor[c]);
    const double slope = (gx - mean * g) * factor;  // sum of g * n
    const double scale = static_cast<double>(gamma[c]) * factor;
    const double by_x = -scale * factor * slope / count;
    gamma_gradient[c] = static_cast<T>(slope);
    beta_gradient[c] = static_cast<T>(g);
    m.by_g[c] = static_cast<T>(scale);
    m.by_x[c] = static_cast<T>(by_x);
    m.offset[c] = static_cast<T>(-scale * g / count - by_x * mean);
  });
}

// Where it is frozen, y = x * scale + shift with constants.
template <typename T>
__global__ void hold_batch_norm(Index channels, BatchMoments<T> m) {
  for_each(channels, [&](Index c) {
    m.by_g[c] = m.scale[c];
    m.by_x[c] = 0;
    m.offset[c] = 0;
  });
}

// Rows that are not there have no gradient.
template <typename T>
__global__ void batch_norm_back(Each<const StepState> state, Index rows, Index pixels, Index channels,
                                Each<const T> x, Index row, Each<const T> g, Index g_row, BatchMoments<T> m,
                                Each<T> gx, Index gx_row, bool accumulate) {
  const Index there = state->rows * pixels;
  for_elements(rows * pixels, channels, [&](Index i, Index j) {
    T v = x[i * row + j] * m.by_x[j] + g[i * g_row + j] * m.by_g[j] + m.offset[j];
    if (i >= there) v = 0;
    T& out = gx[i * gx_row + j];
    out = accumulate ? out + v : v;
  });
}

template <typename T>
struct PixelMoments {
  T mean, factor;  // 1 / standard deviation
};

template <typename T>
__device__ PixelMoments<T> moments_of(const T* x, Index channels, T epsilon) {
  const T part = T{1} / static_cast<T>(channels);
  const T mean = part * row_sum<T>(channels, [&](Index j) { return x[j]; });
  const T variance = part * row_sum<T>(channels, [&](Index j) { return (x[j] - mean) * (x[j] - mean); });
  return {mean, T{1} / sqrt(variance + epsilon)};
}

// `moments` [pixels] are kept for the backward pass; null: they are not.
template <typename T>
__global__ void layer_norm(Index pixels, Index channels, T epsilon, Each<const T> x, Index row,
                           Each<const T> gamma, Each<const T> beta, Each<PixelMoments<T>> moments, Each<T> y,
                           Index y_row) {
  for_rows(pixels, [&](Index i) {
    const PixelMoments<T> m = moments_of(x + i * row, channels, epsilon);
    if (moments != nullptr && threadIdx.x == 0) moments[i] = m;
    for (Index j = threadIdx.x; j < channels; j += lanes)
      y[i * y_row + j] = (x[i * row + j] - m.mean) * m.factor * gamma[j] + beta[j];
  });
}

// Sums of g and of g * n, n the normalised input.
template <typename T>
__global__ void sum_layer_norm(Index pixels, Index channels, Each<const PixelMoments<T>> moments,
                               Each<const T> x, Index row, Each<const T> g, Index g_row,
                               Each<double> partial) {
  sum_chunk<T, 2>(pixels, channels, partial, [&](Index i, Index j, T* sums) {
    const T v = g[i * g_row + j];
    sums[0] += v;
    sums[1] += v * (x[i * row + j] - moments[i].mean) * moments[i].factor;
  });
}

template <typename T>
__global__ void finish_layer_norm(Index chunks, Index channels, Each<const double> partial,
                                  Each<T> gamma_gradient, Each<T> beta_gradient) {
  for_totals<2>(chunks, channels, partial, [&](Index c, const double* totals) {
    beta_gradient[c] = static_cast<T>(totals[0]);
    gamma_gradient[c] = static_cast<T>(totals[1]);
  });
}

// With h = g * gamma: gx = (h - mean(h) - n * mean(h * n)) * factor.
template <typename T>
__global__ void layer_norm_back(Index pixels, Index channels, Each<const PixelMoments<T>> moments,
                                Each<const T> x, Index row, Each<const T> gamma, Each<const T> g, Index g_row,
                                Each<T> gx, Index gx_row, bool accumulate) {
  for_rows(pixels, [&](Index i) {
    const PixelMoments<T> m = moments[i];
    const auto h = [&](Index j) { return g[i * g_row + j] * gamma[j]; };
    const auto n = [&](Index j) { return (x[i * row + j] - m.mean) * m.factor; };
    const T part = T{1} / static_cast<T>(channels);
    const T mean = part * row_sum<T>(channels, h);
    const T slope = part * row_sum<T>(channels, [&](Index j) { return h(j) * n(j); });
    for (Index j = threadIdx.x; j < channels; j += lanes) {
      const T v = (h(j) - mean - n(j) * slope) * m.factor;
      T& out = gx[i * gx_row + j];
      out = accumulate ? out + v : v;
    }
  });
}

}  // namespace nn::backend::cuda
