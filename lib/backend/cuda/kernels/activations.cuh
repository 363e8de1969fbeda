// Activations and their derivatives, as Keras defines them.
#pragma once

#include "backend/cuda/kernels/threads.cuh"
#include "nn/kinds.hpp"

namespace nn::backend::cuda {

// Klambauer et al. 2017, "Self-normalizing neural networks", section 2.
template <typename T>
constexpr T selu_alpha = static_cast<T>(1.6732632423543772);
template <typename T>
constexpr T selu_scale = static_cast<T>(1.0507009873554805);
template <typename T>
constexpr T leaky_slope = static_cast<T>(0.3);  // of Keras' LeakyReLU layer

template <typename T>
__device__ T sigmoid_of(T x) {
  return T{1} / (exp(-x) + T{1});
}
template <typename T>
__device__ T softplus_of(T x) {
  return (x < T{0} ? T{0} : x) + log1p(exp(-fabs(x)));
}
// The standard normal distribution function.
template <typename T>
__device__ T normal_of(T x) {
  return erfc(x * static_cast<T>(-0.70710678118654752)) / 2;
}

// NaN passes through every one of these: a run that diverges must show it.
template <typename T>
__device__ T activate(Activation activation, T x) {
  switch (activation) {
    case Activation::linear: return x;
    case Activation::relu: return x < T{0} ? T{0} : x;
    case Activation::leaky_relu: return x < T{0} ? x * leaky_slope<T> : x;
    case Activation::elu: return x < T{0} ? expm1(x) : x;
    case Activation::selu: return (x < T{0} ? expm1(x) * selu_alpha<T> : x) * selu_scale<T>;
    case Activation::gelu: return x * normal_of(x);
    case Activation::tanh: return tanh(x);
    case Activation::sigmoid: return sigmoid_of(x);
    case Activation::softplus: return softplus_of(x);
  }
  return x;
}

// Times the derivative: of gelu by its argument, of all others by their value.
template <typename T>
__device__ T activate_back(Activation activation, T saved, T g) {
  switch (activation) {
    case Activation::linear: return g;
    case Activation::relu: return saved > T{0} ? g : T{0};
    case Activation::leaky_relu: return saved > T{0} ? g : g * leaky_slope<T>;
    case Activation::elu: return saved > T{0} ? g : g * (saved + T{1});
    case Activation::selu: return g * (saved > T{0} ? selu_scale<T> : saved + selu_scale<T> * selu_alpha<T>);
    case Activation::gelu: {
      const T density = static_cast<T>(0.39894228040143268) * exp(saved * saved * T{-0.5});
      return g * (normal_of(saved) + saved * density);
    }
    case Activation::tanh: return g * (T{1} - saved * saved);
    case Activation::sigmoid: return g * saved * (T{1} - saved);
    case Activation::softplus: return g * -expm1(-saved);
  }
  return g;
}

// y = activation(x + bias). `bias` may be null; what gelu needs later goes to `before`, if
// there is one. x may be y.
template <typename T>
__global__ void activate_rows(Activation activation, Index rows, Index columns, Each<const T> x, Index x_row,
                              Each<const T> bias, Each<T> before, Each<T> y, Index y_row) {
  for_elements(rows, columns, [&](Index i, Index j) {
    const T v = bias != nullptr ? x[i * x_row + j] + bias[j] : x[i * x_row + j];
    if (before != nullptr) before[i * y_row + j] = v;
    y[i * y_row + j] = activate(activation, v);
  });
}

// gx = g times the derivative, or gx += it; gx may be g.
template <typename T>
__global__ void activate_rows_back(Activation activation, Index rows, Index columns, Each<const T> saved,
                                   Each<const T> g, Index row, Each<T> gx, Index gx_row, bool accumulate) {
  for_elements(rows, columns, [&](Index i, Index j) {
    const T v = activate_back(activation, saved[i * row + j], g[i * row + j]);
    T& out = gx[i * gx_row + j];
    out = accumulate ? out + v : v;
  });
}

}  // namespace nn::backend::cuda
