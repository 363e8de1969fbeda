// Activations and their derivatives, as Keras defines them.
#pragma once

#include "backend/cpu/kernels/math.hpp"
#include "nn/kinds.hpp"

namespace nn::backend::cpu {
namespace {

// Klambauer et al. 2017, "Self-normalizing neural networks", section 2.
constexpr T selu_alpha = static_cast<T>(1.6732632423543772), selu_scale = static_cast<T>(1.0507009873554805);

// What lies outside of the limits is moved there; NaN stays.
inline V clamped(V x, T least, T most) {
  x = x < least ? splat(least) : x;
  return x > most ? splat(most) : x;
}

inline V hard_sigmoid_of(V x) { return clamped(x + T{3}, 0, 6) / T{6}; }

// Derivatives by the argument. It is limited to where they change, so that what tends to 0 is no product of
// something endless.
inline V silu_slope(V x) {
  const V t = clamped(x, -87, 87);
  const V e = exp_of(-t), s = T{1} / (e + T{1});
  return s * (T{1} + t * (e * s));
}

// x times the logistic function of 2 sqrt(2 / pi) (x + 0.044715 x^3): Hendrycks & Gimpel 2016, "Gaussian
// error linear units", section 2, in a form that loses nothing where x is negative.
constexpr T gelu_factor = static_cast<T>(1.5957691216057308), gelu_cubic = static_cast<T>(0.044715);
inline V gelu_tanh_of(V x) { return x * sigmoid_of(x * (x * x * gelu_cubic + T{1}) * gelu_factor); }
inline V gelu_tanh_slope(V x) {
  const V t = clamped(x, -20, 20);
  const V e = exp_of(-(t * (t * t * gelu_cubic + T{1}) * gelu_factor)), s = T{1} / (e + T{1});
  return s + t * (s * (e * s)) * ((t * t * (T{3} * gelu_cubic) + T{1}) * gelu_factor);
}

// Misra 2019, "Mish": x tanh(log(1 + n)) with n = e^x. The hyperbolic tangent is w / (w + 2) with w = n (n +
// 2), and 1 from x = 20 on.
inline V mish_of(V x) {
  const V n = exp_of(x > T{20} ? splat(20) : x), w = n * (n + T{2});
  return x * (w / (w + T{2}));
}
inline V mish_slope(V x) {
  const V t = x > T{20} ? splat(20) : x;
  const V n = exp_of(t), w = n * (n + T{2}), part = T{1} / (w + T{2});
  return w * part + t * (T{4} * n * (n + T{1}) * part * part);
}

// NaN passes through every one of these: a run that diverges must show it.
template <typename F>
inline void map(std::int64_t n, const T* x, T* y, F f) {
  for (std::int64_t i = 0; i < n; i += lanes) store(y + i, f(load(x + i)));
}
template <typename F>
inline void map_back(std::int64_t n, const T* saved, T* g, F derivative) {
  for (std::int64_t i = 0; i < n; i += lanes) store(g + i, load(g + i) * derivative(load(saved + i)));
}

void activate(Activation activation, T slope, std::int64_t n, const T* x, T* y) {
  switch (activation) {
    case Activation::linear:
      if (x != y) map(n, x, y, [](V v) { return v; });
      return;
    case Activation::relu: return map(n, x, y, [](V v) { return v < T{0} ? V{} : v; });
    case Activation::leaky_relu: return map(n, x, y, [=](V v) { return v < T{0} ? v * slope : v; });
    case Activation::elu: return map(n, x, y, [=](V v) { return v < T{0} ? expm1_of(v) * slope : v; });
    case Activation::selu:
      return map(n, x, y, [](V v) { return (v < T{0} ? expm1_of(v) * selu_alpha : v) * selu_scale; });
    case Activation::gelu: return map(n, x, y, [](V v) { return v * normal_of(v).cdf; });
    case Activation::tanh: return map(n, x, y, tanh_of);
    case Activation::sigmoid: return map(n, x, y, sigmoid_of);
    case Activation::softplus: return map(n, x, y, softplus_of);
    case Activation::relu6: return map(n, x, y, [](V v) { return clamped(v, 0, 6); });
    case Activation::silu: return map(n, x, y, [](V v) { return v * sigmoid_of(v); });
    case Activation::hard_swish: return map(n, x, y, [](V v) { return v * hard_sigmoid_of(v); });
    case Activation::hard_sigmoid: return map(n, x, y, hard_sigmoid_of);
    case Activation::mish: return map(n, x, y, mish_of);
    case Activation::softsign: return map(n, x, y, [](V v) { return v / (absolute(v) + T{1}); });
    case Activation::gelu_tanh: return map(n, x, y, gelu_tanh_of);
  }
}

void activate_back(Activation activation, T slope, std::int64_t n, const T* saved, T* g) {
  const V one = splat(1);
  switch (activation) {
    case Activation::linear: return;
    case Activation::relu:
      for (std::int64_t i = 0; i < n; i += lanes) store(g + i, load(saved + i) > T{0} ? load(g + i) : V{});
      return;
    case Activation::leaky_relu:
      return map_back(n, saved, g, [=](V y) { return y > T{0} ? one : splat(slope); });
    case Activation::elu: return map_back(n, saved, g, [=](V y) { return y > T{0} ? one : y + slope; });
    case Activation::selu:
      return map_back(n, saved, g,
                      [](V y) { return y > T{0} ? splat(selu_scale) : y + selu_scale * selu_alpha; });
    case Activation::gelu:
      return map_back(n, saved, g, [](V x) {
        const Normal normal = normal_of(x);
        return normal.cdf + x * normal.density;
      });
    case Activation::tanh: return map_back(n, saved, g, [](V y) { return T{1} - y * y; });
    case Activation::sigmoid: return map_back(n, saved, g, [](V y) { return y * (T{1} - y); });
    case Activation::softplus: return map_back(n, saved, g, [](V y) { return -expm1_of(-y); });
    case Activation::relu6:
      for (std::int64_t i = 0; i < n; i += lanes) {
        const V y = load(saved + i);
        store(g + i, (y > T{0}) & (y < T{6}) ? load(g + i) : V{});
      }
      return;
    case Activation::silu: return map_back(n, saved, g, silu_slope);
    case Activation::hard_swish:
      return map_back(n, saved, g, [=](V x) {
        const V inside = (x * T{2} + T{3}) / T{6};
        return x < T{-3} ? V{} : x > T{3} ? one : inside;
      });
    case Activation::hard_sigmoid:
      return map_back(n, saved, g, [](V y) { return (y > T{0}) & (y < T{1}) ? splat(T{1} / T{6}) : V{}; });
    case Activation::mish: return map_back(n, saved, g, mish_slope);
    case Activation::softsign:
      return map_back(n, saved, g, [](V y) {
        const V rest = T{1} - absolute(y);
        return rest * rest;
      });
    case Activation::gelu_tanh: return map_back(n, saved, g, gelu_tanh_slope);
  }
}

}  // namespace
}  // namespace nn::backend::cpu
