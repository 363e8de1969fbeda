// Activations and their derivatives, as Keras defines them.
#pragma once

#include "backend/cpu/kernels/math.hpp"
#include "nn/kinds.hpp"

namespace nn::backend::cpu {
namespace {

// Klambauer et al. 2017, "Self-normalizing neural networks", section 2.
constexpr T selu_alpha = static_cast<T>(1.6732632423543772), selu_scale = static_cast<T>(1.0507009873554805);
constexpr T leaky_slope = static_cast<T>(0.3);  // of Keras' LeakyReLU layer

// NaN passes through every one of these: a run that diverges must show it.
template <typename F>
inline void map(std::int64_t n, const T* x, T* y, F f) {
  for (std::int64_t i = 0; i < n; i += lanes) store(y + i, f(load(x + i)));
}
template <typename F>
inline void map_back(std::int64_t n, const T* saved, T* g, F derivative) {
  for (std::int64_t i = 0; i < n; i += lanes) store(g + i, load(g + i) * derivative(load(saved + i)));
}

void activate(Activation activation, std::int64_t n, const T* x, T* y) {
  switch (activation) {
    case Activation::linear:
      if (x != y) map(n, x, y, [](V v) { return v; });
      return;
    case Activation::relu: return map(n, x, y, [](V v) { return v < T{0} ? V{} : v; });
    case Activation::leaky_relu: return map(n, x, y, [](V v) { return v < T{0} ? v * leaky_slope : v; });
    case Activation::elu: return map(n, x, y, [](V v) { return v < T{0} ? expm1_of(v) : v; });
    case Activation::selu:
      return map(n, x, y, [](V v) { return (v < T{0} ? expm1_of(v) * selu_alpha : v) * selu_scale; });
    case Activation::gelu: return map(n, x, y, [](V v) { return v * normal_of(v).cdf; });
    case Activation::tanh: return map(n, x, y, tanh_of);
    case Activation::sigmoid: return map(n, x, y, sigmoid_of);
    case Activation::softplus: return map(n, x, y, softplus_of);
  }
}

void activate_back(Activation activation, std::int64_t n, const T* saved, T* g) {
  const V one = splat(1);
  switch (activation) {
    case Activation::linear: return;
    case Activation::relu:
      for (std::int64_t i = 0; i < n; i += lanes) store(g + i, load(saved + i) > T{0} ? load(g + i) : V{});
      return;
    case Activation::leaky_relu:
      return map_back(n, saved, g, [=](V y) { return y > T{0} ? one : splat(leaky_slope); });
    case Activation::elu: return map_back(n, saved, g, [=](V y) { return y > T{0} ? one : y + T{1}; });
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
  }
}

}  // namespace
}  // namespace nn::backend::cpu
