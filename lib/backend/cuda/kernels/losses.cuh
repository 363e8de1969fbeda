// Losses with their gradients, and what networks end with. Rows that are not there have
// neither loss nor gradient.
#pragma once

#include "backend/cuda/kernels/activations.cuh"
#include "backend/cuda/step_state.hpp"

namespace nn::backend::cuda {

// Logits or values z and what they should be.
template <typename T>
struct LossRows {
  Index rows, width;  // of the batch
  Each<const T> z;
  Index z_row;
  Each<const std::int32_t> labels;
  Each<const T> targets, weights;      // weights may be null: all are 1
  Each<const std::uint32_t> chosen{};  // of labels, targets and weights, see chosen_row()
  Each<T> gradient{};                  // of z, with its stride; null: not wanted
  Each<double> losses{};               // [rows]: weight * loss
};

template <typename T>
struct LossRow {
  bool present;
  Index chosen;
  T weight, scale;  // of its loss, of its gradient
};
template <typename T>
__device__ LossRow<T> loss_row(const LossRows<T>& r, const StepState& state, Index i) {
  if (i >= state.rows) return {false, 0, T{0}, T{0}};
  const Index chosen = chosen_row(r.chosen, i);
  const T weight = r.weights != nullptr ? r.weights[chosen] : T{1};
  return {true, chosen, weight, weight * static_cast<T>(state.scale)};
}

template <typename T>
__device__ void no_loss(const LossRows<T>& r, Index i) {
  if (threadIdx.x == 0) r.losses[i] = 0;
  for (Index j = threadIdx.x; r.gradient != nullptr && j < r.width; j += lanes)
    r.gradient[i * r.z_row + j] = 0;
}

template <typename T>
__device__ T row_largest(const T* z, Index width) {
  T top = z[0];
  for (Index j = threadIdx.x; j < width; j += lanes) top = z[j] > top ? z[j] : top;
  return warp_largest(top);
}

// -log softmax(z)[label] = log(sum exp(z - top)) - (z[label] - top), which cannot overflow;
// its gradient is softmax(z) - onehot(label). With smoothing s, the label is
// (1 - s) * onehot(label) + s / width.
template <typename T>
__global__ void softmax_loss(LossRows<T> r, Each<const StepState> state) {
  const T smoothing = static_cast<T>(state->smoothing);
  for_rows(r.rows, [&](Index i) {
    const LossRow<T> row = loss_row(r, *state, i);
    if (!row.present) return no_loss(r, i);
    const T* z = r.z + i * r.z_row;
    const std::int32_t label = r.labels[row.chosen];
    const T top = row_largest(z, r.width);
    const T total = row_sum<T>(r.width, [&](Index j) { return exp(z[j] - top); });
    const T shared = smoothing / static_cast<T>(r.width);
    const T all = smoothing > 0 ? row_sum<T>(r.width, [&](Index j) { return z[j] - top; }) : T{0};
    const T expected = (z[label] - top) * (1 - smoothing) + shared * all;
    if (threadIdx.x == 0)
      r.losses[i] =
          static_cast<double>(row.weight) * (log(static_cast<double>(total)) - static_cast<double>(expected));
    for (Index j = threadIdx.x; r.gradient != nullptr && j < r.width; j += lanes) {
      const T hot = j == label ? 1 - smoothing : T{0};
      r.gradient[i * r.z_row + j] = (exp(z[j] - top) / total - hot - shared) * row.scale;
    }
  });
}

// log(1 + e^-|z|) + (max(z, 0) - z * label), which neither overflows nor cancels: of a hard label the term in
// brackets is exact.
template <typename T>
__global__ void sigmoid_loss(LossRows<T> r, Each<const StepState> state) {
  const T smoothing = static_cast<T>(state->smoothing);
  for_each(r.rows, [&](Index i) {
    const LossRow<T> row = loss_row(r, *state, i);
    const T z = r.z[i * r.z_row];
    const T label =
        row.present ? static_cast<T>(r.labels[row.chosen]) * (1 - smoothing) + smoothing / 2 : T{0};
    const T tail = log1p(exp(-fabs(z)));
    const T loss = tail + ((z < T{0} ? T{0} : z) - z * label);
    r.losses[i] = row.present ? static_cast<double>(loss * row.weight) : 0;
    if (r.gradient != nullptr)
      r.gradient[i * r.z_row] = row.present ? (sigmoid_of(z) - label) * row.scale : T{0};
  });
}

// Loss and slope of one output, off its target by d.
template <typename T>
struct OutputLoss {
  T loss, slope;
};
template <typename T>
__device__ OutputLoss<T> output_loss(Loss kind, T d) {
  const T size = fabs(d), sign = d > 0 ? T{1} : d < 0 ? T{-1} : T{0};
  if (kind == Loss::mse) return {d * d, 2 * d};
  if (kind == Loss::mae) return {size, sign};
  // Huber: quadratic within 1, linear beyond.
  return size <= 1 ? OutputLoss<T>{d * d / 2, d} : OutputLoss<T>{size - T{0.5}, sign};
}

template <typename T>
__global__ void regression_loss(Loss kind, LossRows<T> r, Each<const StepState> state) {
  const T mean = T{1} / static_cast<T>(r.width);
  for_rows(r.rows, [&](Index i) {
    const LossRow<T> row = loss_row(r, *state, i);
    if (!row.present) return no_loss(r, i);
    const double loss = row_sum<double>(r.width, [&](Index j) {
      const OutputLoss<T> output =
          output_loss(kind, r.z[i * r.z_row + j] - r.targets[row.chosen * r.width + j]);
      if (r.gradient != nullptr) r.gradient[i * r.z_row + j] = output.slope * row.scale * mean;
      return static_cast<double>(output.loss);
    });
    if (threadIdx.x == 0) r.losses[i] = loss * static_cast<double>(row.weight) / static_cast<double>(r.width);
  });
}

// Of the outputs of a row, by value: they are few.
template <typename T>
struct Quantiles {
  T values[most_quantiles];
};

// The mean over the quantiles of q (y - z) where y is above z, else of (1 - q) (z - y): Koenker & Bassett
// 1978.
template <typename T>
__global__ void pinball_loss(LossRows<T> r, Quantiles<T> quantiles, Each<const StepState> state) {
  const T mean = T{1} / static_cast<T>(r.width);
  for_rows(r.rows, [&](Index i) {
    const LossRow<T> row = loss_row(r, *state, i);
    if (!row.present) return no_loss(r, i);
    const T y = r.targets[row.chosen];
    const double loss = row_sum<double>(r.width, [&](Index j) {
      const T d = r.z[i * r.z_row + j] - y, q = quantiles.values[j];
      const T slope = d > 0 ? 1 - q : d < 0 ? -q : T{0};
      if (r.gradient != nullptr) r.gradient[i * r.z_row + j] = slope * row.scale * mean;
      return static_cast<double>(slope * d);
    });
    if (threadIdx.x == 0) r.losses[i] = loss * static_cast<double>(row.weight) / static_cast<double>(r.width);
  });
}

// (log v + (y - m)^2 / v) / 2 of the mean m and the variance v = e^s, the two outputs: Kendall & Gal 2017,
// section 3.1. s below least_log_variance counts as that, and its gradient is e^(s - least_log_variance) of
// what it would be, as torch's GaussianNLLLoss has it.
template <typename T>
__global__ void gaussian_loss(LossRows<T> r, Each<const StepState> state) {
  for_each(r.rows, [&](Index i) {
    const LossRow<T> row = loss_row(r, *state, i);
    const T* z = r.z + i * r.z_row;
    const T least = static_cast<T>(least_log_variance), s = z[1] < least ? least : z[1];
    const T d = row.present ? z[0] - r.targets[row.chosen] : T{0};
    const T inverse = exp(-s), squares = d * d * inverse;
    r.losses[i] = row.present ? static_cast<double>((s + squares) * row.weight * T{0.5}) : 0;
    if (r.gradient == nullptr) return;
    T* g = r.gradient + i * r.z_row;
    g[0] = row.present ? d * inverse * row.scale : T{0};
    g[1] = row.present ? (1 - squares) * T{0.5} * exp(z[1] - s) * row.scale : T{0};
  });
}

// The sum of the rows' losses, on top of that of the step's parts before; with the last one the
// step's comes to the total, if there is one. One block of 256.
static __global__ void sum_losses(Index rows, Each<const double> losses, Each<const StepState> state,
                                  Each<double> loss, Each<double> total) {
  double sum = 0;
  for (Index i = threadIdx.x; i < rows; i += blockDim.x) sum += losses[i];
  sum = block_sum(sum);
  if (threadIdx.x != 0) return;
  if (state->has_part) *loss = sum + (state->part > 0 ? *loss : 0);
  if (total != nullptr && state->active) *total += *loss;
}

// y [rows, 2] = the probabilities of two classes, each from their one logit.
template <typename T>
__global__ void both_classes(Index rows, Each<const T> z, Index z_row, Each<T> y) {
  for_each(rows, [&](Index i) {
    y[2 * i] = sigmoid_of(-z[i * z_row]);
    y[2 * i + 1] = sigmoid_of(z[i * z_row]);
  });
}

template <typename T>
__global__ void softmax_rows(Index rows, Index width, Each<const T> z, Index z_row, Each<T> y) {
  for_rows(rows, [&](Index i) {
    const T* row = z + i * z_row;
    const T top = row_largest(row, width);
    const T total = row_sum<T>(width, [&](Index j) { return exp(row[j] - top); });
    for (Index j = threadIdx.x; j < width; j += lanes) y[i * width + j] = exp(row[j] - top) / total;
  });
}

}  // namespace nn::backend::cuda
