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

// What lies outside of the limits is moved there; NaN stays.
template <typename T>
__device__ T clamped(T x, T least, T most) {
  x = x < least ? least : x;
  return x > most ? most : x;
}
template <typename T>
__device__ T hard_sigmoid_of(T x) {
  return clamped(x + T{3}, T{0}, T{6}) / T{6};
}

// Derivatives by the argument. It is limited to where they change, so that what tends to 0 is no product of
// something endless.
template <typename T>
__device__ T silu_slope(T x) {
  const T t = clamped(x, T{-87}, T{87});
  const T e = exp(-t), s = T{1} / (e + T{1});
  return s * (T{1} + t * (e * s));
}

// x times the logistic function of 2 sqrt(2 / pi) (x + 0.044715 x^3): Hendrycks & Gimpel 2016, "Gaussian
// error linear units", section 2.
template <typename T>
constexpr T gelu_factor = static_cast<T>(1.5957691216057308);
template <typename T>
constexpr T gelu_cubic = static_cast<T>(0.044715);
template <typename T>
__device__ T gelu_tanh_slope(T x) {
  const T t = clamped(x, T{-20}, T{20}), u = t * (t * t * gelu_cubic<T> + T{1}) * gelu_factor<T>;
  const T e = exp(-clamped(u, T{-87}, T{87})), s = T{1} / (e + T{1});
  return s + t * (s * (e * s)) * ((t * t * (T{3} * gelu_cubic<T>)+T{1}) * gelu_factor<T>);
}

// Misra 2019, "Mish": x tanh(log(1 + n)) with n = e^x. The hyperbolic tangent is w / (w + 2) with w = n (n +
// 2), and 1 from x = 20 on.
template <typename T>
__device__ T mish_of(T x) {
  const T n = exp(x > T{20} ? T{20} : x), w = n * (n + T{2});
  return x * (w / (w + T{2}));
}
template <typename T>
__device__ T mish_slope(T x) {
  const T t = x > T{20} ? T{20} : x;
  const T n = exp(t), w = n * (n + T{2}), part = T{1} / (w + T{2});
  return w * part + t * (T{4} * n * (n + T{1}) * part * part);
}

// NaN passes through every one of these: a run that diverges must show it.
template <typename T>
__device__ T activate(Activation activation, T slope, T x) {
  switch (activation) {
    case Activation::linear: return x;
    case Activation::relu: return x < T{0} ? T{0} : x;
    case Activation::leaky_relu: return x < T{0} ? x * slope : x;
    case Activation::elu: return x < T{0} ? expm1(x) * slope : x;
    case Activation::selu: return (x < T{0} ? expm1(x) * selu_alpha<T> : x) * selu_scale<T>;
    case Activation::gelu: return x * normal_of(x);
    case Activation::tanh: return tanh(x);
    case Activation::sigmoid: return sigmoid_of(x);
    case Activation::softplus: return softplus_of(x);
    case Activation::relu6: return clamped(x, T{0}, T{6});
    case Activation::silu: return x * sigmoid_of(x);
    case Activation::hard_swish: return x * hard_sigmoid_of(x);
    case Activation::hard_sigmoid: return hard_sigmoid_of(x);
    case Activation::mish: return mish_of(x);
    case Activation::softsign: return x / (fabs(x) + T{1});
    case Activation::gelu_tanh: return x * sigmoid_of(x * (x * x * gelu_cubic<T> + T{1}) * gelu_factor<T>);
  }
  return x;
}

// Times the derivative: by the argument where keeps_argument() says so, else by the value.
template <typename T>
__device__ T activate_back(Activation activation, T slope, T saved, T g) {
  switch (activation) {
    case Activation::linear: return g;
    case Activation::relu: return saved > T{0} ? g : T{0};
    case Activation::leaky_relu: return saved > T{0} ? g : g * slope;
    case Activation::elu: return saved > T{0} ? g : g * (saved + slope);
    case Activation::selu: return g * (saved > T{0} ? selu_scale<T> : saved + selu_scale<T> * selu_alpha<T>);
    case Activation::gelu: {
      const T density = static_cast<T>(0.39894228040143268) * exp(saved * saved * T{-0.5});
      return g * (normal_of(saved) + saved * density);
    }
    case Activation::tanh: return g * (T{1} - saved * saved);
    case Activation::sigmoid: return g * saved * (T{1} - saved);
    case Activation::softplus: return g * -expm1(-saved);
    case Activation::relu6: return saved > T{0} && saved < T{6} ? g : T{0};
    case Activation::silu: return g * silu_slope(saved);
    case Activation::hard_swish:
      return saved < T{-3} ? T{0} : saved > T{3} ? g : g * ((saved * T{2} + T{3}) / T{6});
    case Activation::hard_sigmoid: return saved > T{0} && saved < T{1} ? g / T{6} : T{0};
    case Activation::mish: return g * mish_slope(saved);
    case Activation::softsign: return g * ((T{1} - fabs(saved)) * (T{1} - fabs(saved)));
    case Activation::gelu_tanh: return g * gelu_tanh_slope(saved);
  }
  return g;
}

// y = activation(x + bias). `bias` may be null; the argument, where it is kept, goes to `before`, if
// there is one. x may be y.
template <typename T>
__global__ void activate_rows(Activation activation, T slope, Index rows, Index columns, Each<const T> x,
                              Index x_row, Each<const T> bias, Each<T> before, Each<T> y, Index y_row) {
  for_elements(rows, columns, [&](Index i, Index j) {
    const T v = bias != nullptr ? x[i * x_row + j] + bias[j] : x[i * x_row + j];
    if (before != nullptr) before[i * y_row + j] = v;
    y[i * y_row + j] = activate(activation, slope, v);
  });
}

// gx = g times the derivative, or gx += it; gx may be g.
template <typename T>
__global__ void activate_rows_back(Activation activation, T slope, Index rows, Index columns,
                                   Each<const T> saved, Each<const T> g, Index row, Each<T> gx, Index gx_row,
                                   bool accumulate) {
  for_elements(rows, columns, [&](Index i, Index j) {
    const T v = activate_back(activation, slope, saved[i * row + j], g[i * row + j]);
    T& out = gx[i * gx_row + j];
    out = accumulate ? out + v : v;
  });
}

}  // namespace nn::backend::cuda
