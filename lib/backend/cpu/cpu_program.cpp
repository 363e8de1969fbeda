#include "backend/cpu/cpu_program.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "backend/cpu/activations.hpp"
#include "base/random.hpp"

namespace nn::cpu {
namespace {

// c [m, n] (+)= a [m, k] b [k, n], row-major. Sums over k in order, whatever m is.
template <typename T>
void gemm_nn(std::int64_t m, std::int64_t n, std::int64_t k, const T* a, const T* b, T* c) {
  for (std::int64_t i = 0; i < m; ++i) {
    T* row = c + i * n;
    std::fill_n(row, n, T{0});
    for (std::int64_t p = 0; p < k; ++p) {
      const T factor = a[i * k + p];
      const T* other = b + p * n;
      for (std::int64_t j = 0; j < n; ++j) row[j] += factor * other[j];
    }
  }
}

// c [k, n] = a^T b with a [m, k], b [m, n].
template <typename T>
void gemm_tn(std::int64_t m, std::int64_t n, std::int64_t k, const T* a, const T* b, T* c) {
  std::fill_n(c, k * n, T{0});
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t p = 0; p < k; ++p) {
      const T factor = a[i * k + p];
      T* row = c + p * n;
      const T* other = b + i * n;
      for (std::int64_t j = 0; j < n; ++j) row[j] += factor * other[j];
    }
  }
}

// c [m, k] = a [m, n] b^T with b [k, n].
template <typename T>
void gemm_nt(std::int64_t m, std::int64_t n, std::int64_t k, const T* a, const T* b, T* c) {
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t p = 0; p < k; ++p) {
      T sum = 0;
      for (std::int64_t j = 0; j < n; ++j) sum += a[i * n + j] * b[p * n + j];
      c[i * k + p] = sum;
    }
  }
}

int slots_of(OptimizerKind kind) {
  switch (kind) {
    case OptimizerKind::sgd: return 0;
    case OptimizerKind::adam:
    case OptimizerKind::adamw: return 2;
    default: return 1;
  }
}

}  // namespace

template <typename T>
CpuProgram<T>::CpuProgram(const Plan& plan, const ProgramOptions& options, const T* parameters)
    : plan_(plan),
      options_(options),
      batch_(options.batch),
      size_(static_cast<std::size_t>(plan.parameter_count)),
      parameters_(parameters) {
  const auto values = static_cast<std::size_t>(plan.values_per_row * batch_);
  values_.resize(values);
  scratch_.resize(static_cast<std::size_t>(plan.outputs));
  if (!options.training) return;
  own_parameters_.assign(parameters, parameters + size_);
  parameters_ = own_parameters_.data();
  gradients_.resize(size_);
  state_.resize(size_ * static_cast<std::size_t>(slots_of(options.optimizer.kind)));
  before_.resize(values);
  value_gradients_.resize(values);
  masks_.resize(values);
}

template <typename T>
void CpuProgram<T>::forward_op(std::size_t index, std::int64_t rows, const T* x, bool training,
                               std::uint64_t step) {
  const Op& op = plan_.ops[index];
  const T* in = input_of(op, x);
  T* out = value(op.output);
  const std::int64_t count = rows * op.outputs;
  switch (op.kind) {
    case OpKind::dense: {
      gemm_nn(rows, op.outputs, op.inputs, in,
              parameters_ + plan_.parameters[static_cast<std::size_t>(op.kernel)].offset, out);
      const T* bias = parameters_ + plan_.parameters[static_cast<std::size_t>(op.bias)].offset;
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < op.outputs; ++j) out[i * op.outputs + j] += bias[j];
      }
      if (training) std::copy_n(out, count, before_.data() + op.output * batch_);
      activate(op.activation, count, out);
      break;
    }
    case OpKind::activation:
      std::copy_n(in, count, out);
      if (training) std::copy_n(in, count, before_.data() + op.output * batch_);
      activate(op.activation, count, out);
      break;
    case OpKind::dropout: {
      if (!training) {
        std::copy_n(in, count, out);
        break;
      }
      T* mask = masks_.data() + op.output * batch_;
      const auto keep = static_cast<T>(1 / (1 - op.rate));
      const auto limit = static_cast<std::uint32_t>(op.rate * 0x1p32);
      for (std::int64_t i = 0; i < count; i += 4) {
        const auto block = philox(
            {static_cast<std::uint32_t>(i / 4),
             static_cast<std::uint32_t>(RandomUse::dropout) | static_cast<std::uint32_t>(op.layer) << 8,
             static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(step >> 32)},
            options_.seed);
        for (std::int64_t j = 0; j < 4 && i + j < count; ++j)
          mask[i + j] = block[static_cast<std::size_t>(j)] < limit ? T{0} : keep;
      }
      for (std::int64_t i = 0; i < count; ++i) out[i] = in[i] * mask[i];
      break;
    }
  }
}

template <typename T>
void CpuProgram<T>::run_forward(std::int64_t rows, const T* x, bool training, std::uint64_t step) {
  for (std::size_t i = 0; i < plan_.ops.size(); ++i) forward_op(i, rows, x, training, step);
}

// One row's loss on outputs z (logits or values); the gradient with respect to z goes to g.
template <typename T>
double row_loss(Loss loss, std::int64_t width, const T* z, std::int32_t label, const T* target, T* g) {
  double sum = 0;
  switch (loss) {
    case Loss::categorical_crossentropy: {
      const T top = *std::max_element(z, z + width);
      T total = 0;
      for (std::int64_t j = 0; j < width; ++j) total += g[j] = std::exp(z[j] - top);
      for (std::int64_t j = 0; j < width; ++j) g[j] /= total;
      g[label] -= 1;
      return std::log(static_cast<double>(total)) - static_cast<double>(z[label] - top);
    }
    case Loss::binary_crossentropy: {
      // log(1 + e^-|z|) + max(z, 0) - z * label, which neither overflows nor cancels.
      const T e = std::exp(-std::abs(z[0]));
      g[0] = (z[0] >= 0 ? 1 / (1 + e) : e / (1 + e)) - static_cast<T>(label);
      return std::log1p(static_cast<double>(e)) +
             static_cast<double>(std::max(z[0], T{0}) - z[0] * static_cast<T>(label));
    }
    default: break;
  }
  const T scale = 1 / static_cast<T>(width);
  for (std::int64_t j = 0; j < width; ++j) {
    const T d = z[j] - target[j];
    const T size = std::abs(d);
    const T sign = d > 0 ? T{1} : d < 0 ? T{-1} : T{0};
    if (loss == Loss::mse) {
      sum += static_cast<double>(d * d);
      g[j] = 2 * d * scale;
    } else if (loss == Loss::mae) {
      sum += static_cast<double>(size);
      g[j] = sign * scale;
    } else {
      sum += static_cast<double>(size <= 1 ? d * d / 2 : size - T{0.5});
      g[j] = (size <= 1 ? d : sign) * scale;
    }
  }
  return sum / static_cast<double>(width);
}

template <typename T>
void finish_outputs(Loss loss, std::int64_t rows, std::int64_t width, const T* z, T* y) {
  for (std::int64_t i = 0; i < rows; ++i, z += width, y += width) {
    if (loss == Loss::categorical_crossentropy) {
      const T top = *std::max_element(z, z + width);
      T total = 0;
      for (std::int64_t j = 0; j < width; ++j) total += y[j] = std::exp(z[j] - top);
      for (std::int64_t j = 0; j < width; ++j) y[j] /= total;
    } else if (loss == Loss::binary_crossentropy) {
      y[0] = activate_one(Activation::sigmoid, z[0]);
    } else {
      std::copy_n(z, width, y);
    }
  }
}

template <typename T>
void CpuProgram<T>::forward(std::int64_t rows, const T* x, T* y) {
  run_forward(rows, x, false, 0);
  finish_outputs(plan_.loss, rows, plan_.outputs, value(plan_.ops.back().output), y);
}

template <typename T>
double CpuProgram<T>::evaluate(const ExamplesOf<T>& e, T* y) {
  run_forward(e.rows, e.x, false, 0);
  const T* z = value(plan_.ops.back().output);
  const std::int64_t width = plan_.outputs;
  double sum = 0;
  for (std::int64_t i = 0; i < e.rows; ++i) {
    const double weight = e.weights != nullptr ? static_cast<double>(e.weights[i]) : 1.0;
    sum += weight * row_loss(plan_.loss, width, z + i * width, e.labels != nullptr ? e.labels[i] : 0,
                             e.targets != nullptr ? e.targets + i * width : nullptr, scratch_.data());
  }
  if (y != nullptr) finish_outputs(plan_.loss, e.rows, width, z, y);
  return sum;
}

template <typename T>
double CpuProgram<T>::compute_gradients(const ExamplesOf<T>& e, std::uint64_t step) {
  run_forward(e.rows, e.x, true, step);
  const std::int64_t width = plan_.outputs;
  const T* z = value(plan_.ops.back().output);
  T* g = gradient_value(plan_.ops.back().output);
  double sum = 0, total = 0;
  for (std::int64_t i = 0; i < e.rows; ++i) {
    const double weight = e.weights != nullptr ? static_cast<double>(e.weights[i]) : 1.0;
    total += weight;
    sum += weight * row_loss(plan_.loss, width, z + i * width, e.labels != nullptr ? e.labels[i] : 0,
                             e.targets != nullptr ? e.targets + i * width : nullptr, g + i * width);
  }
  for (std::int64_t i = 0; i < e.rows; ++i) {
    const double weight = e.weights != nullptr ? static_cast<double>(e.weights[i]) : 1.0;
    const auto factor = static_cast<T>(total > 0 ? weight / total : 0);
    for (std::int64_t j = 0; j < width; ++j) g[i * width + j] *= factor;
  }
  backward(e.rows, e.x);
  add_decay();
  return sum;
}

template <typename T>
void CpuProgram<T>::backward(std::int64_t rows, const T* x) {
  for (auto op = plan_.ops.rbegin(); op != plan_.ops.rend(); ++op) {
    const std::int64_t count = rows * op->outputs;
    T* g = gradient_value(op->output);
    const T* y = value(op->output);
    const T* z = before_.data() + op->output * batch_;
    if (op->kind != OpKind::dropout && op->activation != Activation::linear) {
      for (std::int64_t i = 0; i < count; ++i) g[i] *= derivative_one(op->activation, z[i], y[i]);
    }
    if (op->kind == OpKind::dense) {
      backward_dense(*op, rows, x);
    } else if (op->input >= 0) {
      T* down = gradient_value(op->input);
      const T* mask = masks_.data() + op->output * batch_;
      for (std::int64_t i = 0; i < count; ++i) down[i] = op->kind == OpKind::dropout ? g[i] * mask[i] : g[i];
    }
  }
}

template <typename T>
void CpuProgram<T>::backward_dense(const Op& op, std::int64_t rows, const T* x) {
  const T* g = gradient_value(op.output);
  const std::int64_t kernel = plan_.parameters[static_cast<std::size_t>(op.kernel)].offset;
  T* bias = gradients_.data() + plan_.parameters[static_cast<std::size_t>(op.bias)].offset;
  gemm_tn(rows, op.outputs, op.inputs, input_of(op, x), g, gradients_.data() + kernel);
  std::fill_n(bias, op.outputs, T{0});
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < op.outputs; ++j) bias[j] += g[i * op.outputs + j];
  }
  if (op.input >= 0) gemm_nt(rows, op.outputs, op.inputs, g, parameters_ + kernel, gradient_value(op.input));
}

template <typename T>
void CpuProgram<T>::add_decay() {
  if (options_.l2 == 0) return;
  for (const Parameter& p : plan_.parameters) {
    if (!p.decays) continue;
    for (std::int64_t i = p.offset; i < p.offset + p.size(); ++i) {
      gradients_[static_cast<std::size_t>(i)] += static_cast<T>(options_.l2) * parameters_[i];
    }
  }
}

template <typename T>
void CpuProgram<T>::clip() {
  if (options_.clip_norm <= 0) return;
  double squares = 0;
  for (const T g : gradients_) squares += static_cast<double>(g) * static_cast<double>(g);
  const double norm = std::sqrt(squares);
  if (!(norm > options_.clip_norm)) return;
  const auto factor = static_cast<T>(options_.clip_norm / norm);
  for (T& g : gradients_) g *= factor;
}

template <typename T>
void CpuProgram<T>::apply_gradients(double learning_rate, std::uint64_t step) {
  clip();
  const Optimizer& o = options_.optimizer;
  const auto lr = static_cast<T>(learning_rate);
  T* w = own_parameters_.data();
  const T* g = gradients_.data();
  T* s = state_.data();
  T* v = s + (slots_of(o.kind) == 2 ? size_ : 0);
  const auto momentum = static_cast<T>(o.momentum), rho = static_cast<T>(o.rho);
  const auto b1 = static_cast<T>(o.beta_1), b2 = static_cast<T>(o.beta_2), eps = static_cast<T>(o.epsilon);
  const double t = static_cast<double>(step) + 1;
  const auto alpha =
      static_cast<T>(learning_rate * std::sqrt(1 - std::pow(o.beta_2, t)) / (1 - std::pow(o.beta_1, t)));
  if (o.kind == OptimizerKind::adamw) {
    const auto keep = static_cast<T>(1 - learning_rate * o.weight_decay);
    for (const Parameter& p : plan_.parameters) {
      if (!p.decays) continue;
      for (std::int64_t i = p.offset; i < p.offset + p.size(); ++i) w[i] *= keep;
    }
  }
  for (std::size_t i = 0; i < size_; ++i) {
    switch (o.kind) {
      case OptimizerKind::sgd: w[i] -= lr * g[i]; break;
      case OptimizerKind::momentum: w[i] += s[i] = momentum * s[i] - lr * g[i]; break;
      case OptimizerKind::nesterov:
        s[i] = momentum * s[i] - lr * g[i];
        w[i] += momentum * s[i] - lr * g[i];
        break;
      case OptimizerKind::rmsprop:
        s[i] = rho * s[i] + (1 - rho) * g[i] * g[i];
        w[i] -= lr * g[i] / (std::sqrt(s[i]) + eps);
        break;
      default:
        s[i] = b1 * s[i] + (1 - b1) * g[i];
        v[i] = b2 * v[i] + (1 - b2) * g[i] * g[i];
        w[i] -= alpha * s[i] / (std::sqrt(v[i]) + eps);
    }
  }
}

template class CpuProgram<float>;
template class CpuProgram<double>;

}  // namespace nn::cpu
