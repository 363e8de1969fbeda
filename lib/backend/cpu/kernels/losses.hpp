// Losses with their gradients, and softmax.
#pragma once

#include "backend/cpu/kernels/math.hpp"
#include "nn/kinds.hpp"

namespace nn::backend::cpu {
namespace {

inline T weight_of(const LossRows<T>& r, std::int64_t row) {
  return r.weights != nullptr ? r.weights[row] : T{1};
}

// Elements of a padded row from j on; in place of what lies beyond the width stands `other`.
inline V load_within(const T* row, std::int64_t j, std::int64_t width, T other) {
  const V v = load(row + j);
  return width - j >= lanes ? v : (first_lanes(width - j) ? v : splat(other));
}

inline T row_maximum(const T* z, std::int64_t width) {
  V top = splat(z[0]);
  for (std::int64_t j = 0; j < width; j += lanes) {
    const V v = load_within(z, j, width, z[0]);
    top = v > top ? v : top;
  }
  return largest(top);
}

// e [width, padded with 0] = exp(z - top) and their sum; e may be z, or null.
inline T exponentials(const T* z, std::int64_t width, T top, T* e) {
  V total{};
  for (std::int64_t j = 0; j < width; j += lanes) {
    V v = exp_of(load(z + j) - top);
    if (width - j < lanes) v = first_lanes(width - j) ? v : V{};
    total += v;
    if (e != nullptr) store(e + j, v);
  }
  return sum(total);
}

inline T sum_of_row(const T* z, std::int64_t width, T top) {
  V total{};
  for (std::int64_t j = 0; j < width; j += lanes) total += load_within(z, j, width, top) - top;
  return sum(total);
}

// -log softmax(z)[label] = log(sum exp(z - top)) - (z[label] - top), which cannot overflow;
// its gradient is softmax(z) - onehot(label). With smoothing s, the label is
// (1 - s) * onehot(label) + s / width.
double softmax_loss(const LossRows<T>& r) {
  double sum_of_losses = 0;
  V totals = splat(1), weights{};
  int waiting = 0;  // rows whose logarithm is taken together
  for (std::int64_t i = 0; i < r.rows; ++i) {
    const T* z = r.z + i * r.z_row;
    const T top = row_maximum(z, r.width);
    T* g = r.gradient != nullptr ? r.gradient + i * r.z_row : nullptr;
    const T weight = weight_of(r, i);
    const T total = exponentials(z, r.width, top, g);
    if (g != nullptr) {
      const V factor = splat(weight * r.scale / total);
      for (std::int64_t j = 0; j < r.width; j += lanes) store(g + j, load(g + j) * factor);
      g[r.labels[i]] -= weight * r.scale * (1 - r.smoothing);
      const T shared = weight * r.scale * r.smoothing / static_cast<T>(r.width);
      for (std::int64_t j = 0; r.smoothing > 0 && j < r.width; ++j) g[j] -= shared;
    }
    T expected = (z[r.labels[i]] - top) * (1 - r.smoothing);
    if (r.smoothing > 0) expected += r.smoothing / static_cast<T>(r.width) * sum_of_row(z, r.width, top);
    sum_of_losses -= static_cast<double>(weight) * static_cast<double>(expected);
    totals[waiting] = total;
    weights[waiting] = weight;
    if (++waiting == lanes || i + 1 == r.rows) {
      const V logs = log_of(totals) * weights;
      for (int l = 0; l < waiting; ++l) sum_of_losses += static_cast<double>(logs[l]);
      waiting = 0;
    }
  }
  return sum_of_losses;
}

// log(1 + e^-|z|) + (max(z, 0) - z * label), which neither overflows nor cancels: of a hard label the term in
// brackets is exact.
double sigmoid_loss(const LossRows<T>& r) {
  double sum_of_losses = 0;
  for (std::int64_t i = 0; i < r.rows; i += lanes) {
    const int count = static_cast<int>(r.rows - i < lanes ? r.rows - i : lanes);
    V z{}, label{}, weight{};
    for (int l = 0; l < count; ++l) {
      z[l] = r.z[(i + l) * r.z_row];
      label[l] = static_cast<T>(r.labels[i + l]) * (1 - r.smoothing) + r.smoothing / 2;
      weight[l] = weight_of(r, i + l);
    }
    const V tail = log1p_of_unit(exp_of(-absolute(z)));
    const V losses = (tail + ((z < T{0} ? V{} : z) - z * label)) * weight;
    for (int l = 0; l < count; ++l) sum_of_losses += static_cast<double>(losses[l]);
    if (r.gradient == nullptr) continue;
    const V g = (sigmoid_of(z) - label) * weight * r.scale;
    for (int l = 0; l < count; ++l) r.gradient[(i + l) * r.z_row] = g[l];
  }
  return sum_of_losses;
}

// Loss and gradient of one output, off its target by d.
struct OutputLoss {
  T loss, slope;
};
inline T sign_of(T d) { return d > 0 ? T{1} : d < 0 ? T{-1} : T{0}; }

template <typename F>
double regression_loss(const LossRows<T>& r, F loss_of) {
  double sum_of_losses = 0;
  const T mean = T{1} / static_cast<T>(r.width);
  for (std::int64_t i = 0; i < r.rows; ++i) {
    const T* z = r.z + i * r.z_row;
    const T* target = r.targets + i * r.width;
    const T weight = weight_of(r, i);
    const T factor = weight * mean * r.scale;
    double row = 0;
    for (std::int64_t j = 0; j < r.width; ++j) {
      const OutputLoss output = loss_of(z[j] - target[j]);
      row += static_cast<double>(output.loss);
      if (r.gradient != nullptr) r.gradient[i * r.z_row + j] = output.slope * factor;
    }
    sum_of_losses += row * static_cast<double>(weight) / static_cast<double>(r.width);
  }
  return sum_of_losses;
}

// The mean over the quantiles of q (y - z) where y is above z, else of (1 - q) (z - y): Koenker & Bassett
// 1978.
double pinball_loss(const LossRows<T>& r) {
  double sum_of_losses = 0;
  for (std::int64_t i = 0; i < r.rows; ++i) {
    const T* z = r.z + i * r.z_row;
    const T weight = weight_of(r, i);
    const T factor = weight * r.scale / static_cast<T>(r.width);
    double row = 0;
    for (std::int64_t j = 0; j < r.width; ++j) {
      const T d = z[j] - r.targets[i];
      const T slope = d > 0 ? 1 - r.quantiles[j] : d < 0 ? -r.quantiles[j] : T{0};
      row += static_cast<double>(slope * d);
      if (r.gradient != nullptr) r.gradient[i * r.z_row + j] = slope * factor;
    }
    sum_of_losses += row * static_cast<double>(weight) / static_cast<double>(r.width);
  }
  return sum_of_losses;
}

// (log v + (y - m)^2 / v) / 2 of the mean m and the variance v = e^s, the two outputs: Kendall & Gal 2017,
// section 3.1. s below least_log_variance counts as that, and its gradient is e^(s - least_log_variance) of
// what it would be, as torch's GaussianNLLLoss has it.
double gaussian_loss(const LossRows<T>& r) {
  double sum_of_losses = 0;
  for (std::int64_t i = 0; i < r.rows; i += lanes) {
    const int count = static_cast<int>(r.rows - i < lanes ? r.rows - i : lanes);
    V d{}, log_variance{}, weight{};
    for (int l = 0; l < count; ++l) {
      const T* z = r.z + (i + l) * r.z_row;
      d[l] = z[0] - r.targets[i + l];
      log_variance[l] = z[1];
      weight[l] = weight_of(r, i + l);
    }
    const V least = splat(T{least_log_variance});
    const V s = log_variance < least ? least : log_variance;
    const V inverse = exp_of(-s), squares = d * d * inverse;
    const V losses = (s + squares) * weight * T{0.5f};
    for (int l = 0; l < count; ++l) sum_of_losses += static_cast<double>(losses[l]);
    if (r.gradient == nullptr) continue;
    const V of_mean = d * inverse * weight * r.scale;
    const V of_spread = (1 - squares) * T{0.5f} * exp_of(log_variance - s) * weight * r.scale;
    for (int l = 0; l < count; ++l) {
      T* g = r.gradient + (i + l) * r.z_row;
      g[0] = of_mean[l];
      g[1] = of_spread[l];
    }
  }
  return sum_of_losses;
}

double loss(Loss kind, const LossRows<T>& rows) {
  switch (kind) {
    case Loss::categorical_crossentropy: return softmax_loss(rows);
    case Loss::binary_crossentropy: return sigmoid_loss(rows);
    case Loss::mse: return regression_loss(rows, [](T d) { return OutputLoss{d * d, 2 * d}; });
    case Loss::mae: return regression_loss(rows, [](T d) { return OutputLoss{d < 0 ? -d : d, sign_of(d)}; });
    case Loss::huber:  // quadratic within 1, linear beyond
      return regression_loss(rows, [](T d) {
        const T size = d < 0 ? -d : d;
        return size <= 1 ? OutputLoss{d * d / 2, d} : OutputLoss{size - T{0.5}, sign_of(d)};
      });
    case Loss::pinball: return pinball_loss(rows);
    case Loss::gaussian: return gaussian_loss(rows);
  }
  return 0;
}

void softmax(std::int64_t rows, std::int64_t width, T* z, std::int64_t z_row, T* y) {
  for (std::int64_t i = 0; i < rows; ++i, z += z_row, y += width) {
    const V factor = splat(T{1} / exponentials(z, width, row_maximum(z, width), z));
    for (std::int64_t j = 0; j < width; j += lanes) {
      const V v = load(z + j) * factor;
      if (width - j >= lanes) {
        store(y + j, v);
      } else {
        store_first(y + j, v, width - j);
      }
    }
  }
}

}  // namespace
}  // namespace nn::backend::cpu
