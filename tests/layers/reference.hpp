// What operations compute, written down as plainly as possible, in double. A function for each is in the
// table.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "nn/plan.hpp"

namespace nn::test {

inline double reference_activation(Activation activation, double slope, double x) {
  switch (activation) {
    case Activation::linear: return x;
    case Activation::relu: return std::max(x, 0.0);
    case Activation::leaky_relu: return x >= 0 ? x : slope * x;
    case Activation::elu: return x > 0 ? x : slope * (std::exp(x) - 1);
    case Activation::selu: return 1.05070098 * (x > 0 ? x : 1.67326324 * (std::exp(x) - 1));
    case Activation::gelu: return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    case Activation::tanh: return std::tanh(x);
    case Activation::sigmoid: return 1 / (1 + std::exp(-x));
    case Activation::softplus: return std::log(1 + std::exp(x));
    case Activation::relu6: return std::min(std::max(x, 0.0), 6.0);
    case Activation::silu: return x / (1 + std::exp(-x));
    case Activation::hard_swish: return x * std::min(std::max(x + 3, 0.0), 6.0) / 6;
    case Activation::hard_sigmoid: return std::min(std::max(x + 3, 0.0), 6.0) / 6;
    case Activation::mish: return x * std::tanh(std::log(1 + std::exp(x)));
    case Activation::softsign: return x / (1 + std::abs(x));
    case Activation::gelu_tanh:
      return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
  }
  return 0;
}

// The value at (line, pixel, channel), 0 outside of the image.
inline double at(const std::vector<double>& x, const Image& image, std::int64_t y, std::int64_t z,
                 std::int64_t c) {
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
      f(y * op.window.strides.height - op.window.top + i * op.window.dilation.height,
        z * op.window.strides.width - op.window.left + j * op.window.dilation.width, i, j);
    }
  }
}

using Doubles = std::vector<double>;

// What a reference is given of one row; it returns the operation's output before its activation.
struct Given {
  const Plan& plan;
  const Op& op;
  std::vector<const double*> parameters;
  Doubles x;
  std::vector<Doubles> others;  // of an operation with several inputs
};

inline Doubles reference_same(const Given& given) { return given.x; }

inline Doubles reference_dense(const Given& given) {
  const double *kernel = given.parameters[0], *bias = given.parameters[1];
  Doubles y(bias, bias + given.op.out.channels);
  for (const double v : given.x) {
    for (double& sum : y) sum += v * *kernel++;
  }
  return y;
}

inline Doubles reference_conv2d(const Given& given) {
  const Op& op = given.op;
  const double *kernel = given.parameters[0], *bias = given.parameters[1];
  Doubles y;
  const std::int64_t groups = op.options.groups, inputs = op.in.channels / groups, filters = op.out.channels;
  each_output(op, [&](std::int64_t line, std::int64_t pixel, std::int64_t filter) {
    double sum = bias[filter];
    const std::int64_t first = filter / (filters / groups) * inputs;
    each_in_window(op, line, pixel, [&](std::int64_t iy, std::int64_t ix, std::int64_t ky, std::int64_t kx) {
      for (std::int64_t c = 0; c < inputs; ++c) {
        sum += at(given.x, op.in, iy, ix, first + c) *
               kernel[((ky * op.window.kernel.width + kx) * inputs + c) * filters + filter];
      }
    });
    y.push_back(sum);
  });
  return y;
}

inline Doubles reference_pool(const Given& given) {
  const Op& op = given.op;
  Doubles y;
  each_output(op, [&](std::int64_t line, std::int64_t pixel, std::int64_t c) {
    double largest = -INFINITY, sum = 0, count = 0;
    each_in_window(op, line, pixel, [&](std::int64_t iy, std::int64_t ix, std::int64_t, std::int64_t) {
      if (iy < 0 || iy >= op.in.height || ix < 0 || ix >= op.in.width) return;
      largest = std::max(largest, at(given.x, op.in, iy, ix, c));
      sum += at(given.x, op.in, iy, ix, c);
      ++count;
    });
    y.push_back(op.kind == OpKind::max_pool2d ? largest : sum / count);
  });
  return y;
}

// By the moving statistics, or by those of the pixel.
inline Doubles reference_norm(const Given& given) {
  const auto& p = given.parameters;
  const auto channels = static_cast<std::size_t>(given.op.in.channels);
  const bool batch = given.op.kind == OpKind::batch_norm;
  Doubles x = given.x;
  for (std::size_t first = 0; first < x.size(); first += channels) {
    double mean = 0, variance = 0;
    for (std::size_t c = 0; c < channels; ++c) mean += x[first + c] / static_cast<double>(channels);
    for (std::size_t c = 0; c < channels; ++c)
      variance += (x[first + c] - mean) * (x[first + c] - mean) / static_cast<double>(channels);
    for (std::size_t c = 0; c < channels; ++c) {
      const double middle = batch ? p[2][c] : mean, spread = batch ? p[3][c] : variance;
      x[first + c] =
          (x[first + c] - middle) / std::sqrt(spread + given.op.options.epsilon) * p[0][c] + p[1][c];
    }
  }
  return x;
}

inline Doubles reference_embedding(const Given& given) {
  const auto index = static_cast<std::size_t>(given.op.parameters[0]);
  const auto units = given.plan.parameters[index].shape[1];
  const double* table = given.parameters[0];
  Doubles y;
  std::size_t next = 0;
  for (const InputSegment& segment : given.plan.segments) {
    if (segment.category) y.resize(y.size() + static_cast<std::size_t>(units));
    for (std::int64_t j = 0; j < segment.width; ++j, ++next) {
      if (!segment.category) {
        y.push_back(given.x[next]);
        continue;
      }
      for (std::int64_t u = 0; u < units; ++u, ++table)
        y[y.size() - static_cast<std::size_t>(units - u)] += given.x[next] * *table;
    }
  }
  return y;
}

inline Doubles reference_add(const Given& given) {
  Doubles y = given.x;
  for (std::size_t i = 0; i < y.size(); ++i) y[i] += given.others[0][i];
  return y;
}

inline Doubles reference_concat(const Given& given) {
  std::vector<Doubles> inputs = given.others;
  inputs.insert(inputs.begin(), given.x);
  const auto pixels = static_cast<std::size_t>(given.op.out.pixels());
  Doubles y;
  for (std::size_t pixel = 0; pixel < pixels; ++pixel) {
    for (const Doubles& x : inputs) {
      for (std::size_t c = 0; c < x.size() / pixels; ++c) y.push_back(x[pixel * (x.size() / pixels) + c]);
    }
  }
  return y;
}

inline Doubles reference_outputs(Loss loss, Doubles z) {
  if (loss == Loss::binary_crossentropy) return {1 / (1 + std::exp(z[0])), 1 / (1 + std::exp(-z[0]))};
  if (loss != Loss::categorical_crossentropy) return z;
  double total = 0;
  for (const double v : z) total += std::exp(v);
  for (double& v : z) v = std::exp(v) / total;
  return z;
}

inline double reference_loss(Loss loss, const Doubles& z, std::int32_t label, const double* target,
                             const std::vector<double>& quantiles = {}) {
  const Doubles y = reference_outputs(loss, z);
  if (is_classification(loss)) return -std::log(y[static_cast<std::size_t>(label)]);
  if (loss == Loss::gaussian) return (z[1] + (target[0] - z[0]) * (target[0] - z[0]) / std::exp(z[1])) / 2;
  double sum = 0;
  for (std::size_t j = 0; j < quantiles.size(); ++j)
    sum += std::max(quantiles[j] * (target[0] - y[j]), (1 - quantiles[j]) * (y[j] - target[0]));
  if (loss == Loss::pinball) return sum / static_cast<double>(y.size());
  for (std::size_t j = 0; j < y.size(); ++j) {
    const double d = std::abs(y[j] - target[j]);
    sum += loss == Loss::mse ? d * d : loss == Loss::mae ? d : d <= 1 ? d * d / 2 : d - 0.5;
  }
  return sum / static_cast<double>(y.size());
}

}  // namespace nn::test
