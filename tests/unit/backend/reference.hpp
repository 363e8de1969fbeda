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

// The value at (line, pixel, channel), 0 outside of the image.
inline double at(const std::vector<double>& x, const Image& image, std::int64_t y, std::int64_t z, std::int64_t c) {
  if (y < 0 || y >= image.height || z < 0 || z >= image.width) return 0;
  return x[static_cast<std::size_t>((y * image.width + z) * image.channels + c)];
}

template <typename F>
void each_output(const Op& op, F f) {
  for (std::int64_t y = 0; y < op.out.height; ++y) {
    for (std::int64_t z = 0; z < op.out.width; ++z) {
      for (std::int64_t c = 0; c < op.out.channels; ++c) f(y, z, c);
    }
  }
}

template <typename F>
void each_in_window(const Op& op, std::int64_t y, std::int64_t z, F f) {
  for (std::int64_t i = 0; i < op.window.kernel.height; ++i) {
    for (std::int64_t j = 0; j < op.window.kernel.width; ++j) {
      f(y * op.window.strides.height - op.window.top + i, z * op.window.strides.width - op.window.left + j, i, j);
    }
  }
}

inline std::vector<double> reference_conv2d(const Op& op, const double* kernel, const double* bias,
                                            const std::vector<double>& x) {
  std::vector<double> y;
  const std::int64_t inputs = op.in.channels / op.options.groups, filters = op.out.channels;
  each_output(op, [&](std::int64_t line, std::int64_t pixel, std::int64_t filter) {
    double sum = bias[filter];
    const std::int64_t first = filter / (filters / op.options.groups) * inputs;
    each_in_window(op, line, pixel, [&](std::int64_t iy, std::int64_t ix, std::int64_t ky, std::int64_t kx) {
      for (std::int64_t c = 0; c < inputs; ++c) {
        sum += at(x, op.in, iy, ix, first + c) *
               kernel[((ky * op.window.kernel.width + kx) * inputs + c) * filters + filter];
      }
    });
    y.push_back(sum);
  });
  return y;
}

inline std::vector<double> reference_pool(const Op& op, const std::vector<double>& x) {
  std::vector<double> y;
  each_output(op, [&](std::int64_t line, std::int64_t pixel, std::int64_t c) {
    double largest = -INFINITY, sum = 0, count = 0;
    each_in_window(op, line, pixel, [&](std::int64_t iy, std::int64_t ix, std::int64_t, std::int64_t) {
      if (iy < 0 || iy >= op.in.height || ix < 0 || ix >= op.in.width) return;
      largest = std::max(largest, at(x, op.in, iy, ix, c));
      sum += at(x, op.in, iy, ix, c);
      ++count;
    });
    y.push_back(op.kind == OpKind::max_pool2d ? largest : sum / count);
  });
  return y;
}

inline std::vector<double> reference_norm(const Op& op, const std::vector<const double*>& p,
                                          std::vector<double> x) {
  const auto channels = static_cast<std::size_t>(op.in.channels);
  for (std::size_t first = 0; first < x.size(); first += channels) {
    double mean = 0, variance = 0;
    for (std::size_t c = 0; c < channels; ++c) mean += x[first + c] / static_cast<double>(channels);
    for (std::size_t c = 0; c < channels; ++c)
      variance += (x[first + c] - mean) * (x[first + c] - mean) / static_cast<double>(channels);
    for (std::size_t c = 0; c < channels; ++c) {
      const bool batch = op.kind == OpKind::batch_norm;
      const double middle = batch ? p[2][c] : mean, spread = batch ? p[3][c] : variance;
      x[first + c] = (x[first + c] - middle) / std::sqrt(spread + op.options.epsilon) * p[0][c] + p[1][c];
    }
  }
  return x;
}

inline std::vector<double> reference_embedding(const Plan& plan, const Op& op, const double* table,
                                               const std::vector<double>& x) {
  const auto units = plan.parameters[static_cast<std::size_t>(op.parameters[0])].shape[1];
  std::vector<double> y;
  std::size_t next = 0;
  for (const InputSegment& segment : plan.segments) {
    if (segment.category) y.resize(y.size() + static_cast<std::size_t>(units));
    for (std::int64_t j = 0; j < segment.width; ++j, ++next) {
      if (!segment.category) {
        y.push_back(x[next]);
        continue;
      }
      for (std::int64_t u = 0; u < units; ++u, ++table)
        y[y.size() - static_cast<std::size_t>(units - u)] += x[next] * *table;
    }
  }
  return y;
}

inline std::vector<double> reference_dense(const Op& op, const double* kernel, const double* bias,
                                           const std::vector<double>& x) {
  std::vector<double> y(bias, bias + op.out.channels);
  for (const double v : x) {
    for (double& sum : y) sum += v * *kernel++;
  }
  return y;
}

// Logits or values of one row, without dropout.
inline std::vector<double> reference_row(const Plan& plan, const std::vector<double>& parameters,
                                         std::vector<double> x) {
  std::vector<std::vector<double>> values(plan.values.size());
  values[0] = std::move(x);
  for (const Op& op : plan.ops) {
    std::vector<const double*> p;
    for (const int index : op.parameters)
      p.push_back(parameters.data() + plan.parameters[static_cast<std::size_t>(index)].offset);
    std::vector<double> y = values[static_cast<std::size_t>(op.input)];
    switch (op.kind) {
      case OpKind::dense: y = reference_dense(op, p[0], p[1], y); break;
      case OpKind::conv2d: y = reference_conv2d(op, p[0], p[1], y); break;
      case OpKind::max_pool2d:
      case OpKind::average_pool2d: y = reference_pool(op, y); break;
      case OpKind::batch_norm:
      case OpKind::layer_norm: y = reference_norm(op, p, y); break;
      case OpKind::embedding: y = reference_embedding(plan, op, p[0], y); break;
      case OpKind::add:
        for (std::size_t i = 0; i < y.size(); ++i) y[i] += values[static_cast<std::size_t>(op.other)][i];
        break;
      case OpKind::activation:
      case OpKind::dropout: break;
    }
    for (double& v : y) v = reference_activation(op.options.activation, v);
    values[static_cast<std::size_t>(op.output)] = std::move(y);
  }
  return values[static_cast<std::size_t>(plan.ops.back().output)];
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
