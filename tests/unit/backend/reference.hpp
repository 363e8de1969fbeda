// What networks compute, written down as plainly as possible, in double.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "nn/plan.hpp"

namespace nn::test {

inline double reference_activation(Activation activation, double x) {
  switch (activation) {
    case Activation::linear: return x;
    case Activation::relu: return std::max(x, 0.0);
    case Activation::leaky_relu: return x >= 0 ? x : 0.3 * x;
    case Activation::elu: return x > 0 ? x : std::exp(x) - 1;
    case Activation::selu: return 1.05070098 * (x > 0 ? x : 1.67326324 * (std::exp(x) - 1));
    case Activation::gelu: return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case Activation::tanh: return std::tanh(x);
    case Activation::sigmoid: return 1 / (1 + std::exp(-x));
    case Activation::softplus: return std::log(1 + std::exp(x));
  }
  return 0;
}

// Logits or values of one row, without dropout.
inline std::vector<double> reference_row(const Plan& plan, const std::vector<double>& parameters,
                                         std::vector<double> x) {
  for (const Op& op : plan.ops) {
    if (op.kind == OpKind::dropout) continue;
    if (op.kind == OpKind::dense) {
      const auto kernel =
          static_cast<std::size_t>(plan.parameters[static_cast<std::size_t>(op.kernel)].offset);
      const auto bias = static_cast<std::size_t>(plan.parameters[static_cast<std::size_t>(op.bias)].offset);
      const auto outputs = static_cast<std::size_t>(op.outputs);
      std::vector<double> y(parameters.begin() + static_cast<std::ptrdiff_t>(bias),
                            parameters.begin() + static_cast<std::ptrdiff_t>(bias + outputs));
      for (std::size_t i = 0; i < x.size(); ++i) {
        for (std::size_t j = 0; j < outputs; ++j) y[j] += x[i] * parameters[kernel + i * outputs + j];
      }
      x = y;
    }
    for (double& v : x) v = reference_activation(op.activation, v);
  }
  return x;
}

inline std::vector<double> reference_outputs(Loss loss, std::vector<double> z) {
  if (loss == Loss::binary_crossentropy) z[0] = 1 / (1 + std::exp(-z[0]));
  if (loss != Loss::categorical_crossentropy) return z;
  double total = 0;
  for (const double v : z) total += std::exp(v);
  for (double& v : z) v = std::exp(v) / total;
  return z;
}

inline double reference_loss(Loss loss, const std::vector<double>& z, std::int32_t label,
                             const double* target) {
  const std::vector<double> y = reference_outputs(loss, z);
  if (loss == Loss::categorical_crossentropy) return -std::log(y[static_cast<std::size_t>(label)]);
  if (loss == Loss::binary_crossentropy) return -std::log(label == 1 ? y[0] : 1 - y[0]);
  double sum = 0;
  for (std::size_t j = 0; j < y.size(); ++j) {
    const double d = std::abs(y[j] - target[j]);
    sum += loss == Loss::mse ? d * d : loss == Loss::mae ? d : d <= 1 ? d * d / 2 : d - 0.5;
  }
  return sum / static_cast<double>(y.size());
}

}  // namespace nn::test
