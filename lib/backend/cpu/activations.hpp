// Activations on dense arrays and their derivatives. Definitions as Keras has them.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>

#include "nn/network.hpp"

namespace nn::cpu {

// Klambauer et al. 2017, "Self-normalizing neural networks", section 2.
inline constexpr double selu_alpha = 1.6732632423543772, selu_scale = 1.0507009873554805;
inline constexpr double leaky_slope = 0.3;

template <typename T>
T activate_one(Activation activation, T x) {
  switch (activation) {
    case Activation::linear: return x;
    case Activation::relu: return x > 0 ? x : T{0};
    case Activation::leaky_relu: return x > 0 ? x : static_cast<T>(leaky_slope) * x;
    case Activation::elu: return x > 0 ? x : std::expm1(x);
    case Activation::selu:
      return static_cast<T>(selu_scale) * (x > 0 ? x : static_cast<T>(selu_alpha) * std::expm1(x));
    case Activation::gelu: return x * (1 + std::erf(x / std::numbers::sqrt2_v<T>)) / 2;
    case Activation::tanh: return std::tanh(x);
    case Activation::sigmoid: return 1 / (1 + std::exp(-x));
    case Activation::softplus: return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
  }
  return x;
}

// d activation / dx at x, with y the activation's value there.
template <typename T>
T derivative_one(Activation activation, T x, T y) {
  switch (activation) {
    case Activation::linear: return 1;
    case Activation::relu: return x > 0 ? T{1} : T{0};
    case Activation::leaky_relu: return x > 0 ? T{1} : static_cast<T>(leaky_slope);
    case Activation::elu: return x > 0 ? T{1} : y + 1;
    case Activation::selu:
      return x > 0 ? static_cast<T>(selu_scale) : y + static_cast<T>(selu_scale * selu_alpha);
    case Activation::gelu:
      return (1 + std::erf(x / std::numbers::sqrt2_v<T>)) / 2 +
             x * std::exp(-x * x / 2) * static_cast<T>(0.3989422804014327);
    case Activation::tanh: return 1 - y * y;
    case Activation::sigmoid: return y * (1 - y);
    case Activation::softplus: return 1 / (1 + std::exp(-x));
  }
  return 1;
}

template <typename T>
void activate(Activation activation, std::int64_t n, T* x) {
  if (activation == Activation::linear) return;
  if (activation == Activation::relu) {
    for (std::int64_t i = 0; i < n; ++i) x[i] = x[i] > 0 ? x[i] : T{0};
    return;
  }
  for (std::int64_t i = 0; i < n; ++i) x[i] = activate_one(activation, x[i]);
}

}  // namespace nn::cpu
