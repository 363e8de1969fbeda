#include "backend/cpu/cpu_program.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "backend/cpu/denormals.hpp"
#include "base/error.hpp"
#include "base/random.hpp"

namespace nn::cpu {
namespace {

constexpr std::int64_t round_up(std::int64_t n) { return (n + 15) / 16 * 16; }

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
CpuProgram<T>::CpuProgram(const Plan& plan, const ProgramOptions& options, const T* parameters, Isa isa)
    : plan_(plan),
      options_(options),
      kernels_(kernels_of<T>(isa)),
      batch_(options.batch),
      size_(static_cast<std::size_t>(plan.parameter_count)),
      parameters_(parameters) {
  if (options.training) state_size_ = size_ * static_cast<std::size_t>(slots_of(options.optimizer.kind));
  lay_out();  // counts
  arena_ = Buffer(static_cast<std::size_t>(taken_) * sizeof(T));
  taken_ = 0;
  lay_out();
  if (options.training) {
    std::memset(arena_.data(), 0, arena_.size());
    std::copy_n(parameters, size_, own_parameters_);
  }
}

// The next `count` elements of the arena. Before there is one, only counts.
template <typename T>
T* CpuProgram<T>::take(std::int64_t count) {
  T* place = arena_.size() == 0 ? nullptr : arena_.as<T>() + taken_;
  if (__builtin_add_overflow(taken_, round_up(count), &taken_) || taken_ > INT64_MAX / 64) {
    fail(ErrorKind::unsupported, "the network with batches of {} rows doesn't fit into memory", batch_);
  }
  return place;
}

template <typename T>
T* CpuProgram<T>::take_rows(std::int64_t stride) {
  std::int64_t count = 0;
  if (__builtin_mul_overflow(stride, batch_, &count)) count = INT64_MAX / 2;
  return take(count);
}

template <typename T>
void CpuProgram<T>::lay_out() {
  const bool training = options_.training;
  const auto size = static_cast<std::int64_t>(size_);
  if (training) {
    own_parameters_ = take(size);
    gradients_ = take(size);
    state_ = take(static_cast<std::int64_t>(state_size_));
    parameters_ = arena_.size() == 0 ? parameters_ : own_parameters_;
  }
  panel_ = take(panel_size);
  values_ = take_rows(plan_.values_per_row);
  steps_.clear();
  for (const Op& op : plan_.ops) add_step(op);
}

template <typename T>
void CpuProgram<T>::add_step(const Op& op) {
  const auto trains = [](const Step& s) { return s.kernel != nullptr; };
  Step s{};
  s.kind = op.kind;
  s.activation = op.activation;
  s.layer = op.layer;
  s.rate = op.rate;
  s.inputs = op.inputs;
  s.outputs = op.outputs;
  s.stride = round_up(op.outputs);
  s.output = values_ + op.output * batch_;
  s.input_stride = s.plain_stride = plan_.inputs;
  const Step* producer = nullptr;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (op.input >= 0 && plan_.ops[i].output == op.input) producer = &steps_[i];
  }
  if (producer != nullptr) {
    const bool skip = producer->kind == OpKind::dropout;
    s.input = producer->output;
    s.input_stride = producer->stride;
    s.plain_input = skip ? producer->plain_input : producer->output;
    s.plain_stride = skip ? producer->plain_stride : producer->stride;
    s.input_gradient = producer->gradient;
  }
  if (op.kernel >= 0) {
    const std::int64_t kernel = plan_.parameters[static_cast<std::size_t>(op.kernel)].offset;
    const std::int64_t bias = plan_.parameters[static_cast<std::size_t>(op.bias)].offset;
    s.kernel = parameters_ + kernel;
    s.bias = parameters_ + bias;
    s.kernel_gradient = gradients_ + kernel;
    s.bias_gradient = gradients_ + bias;
  }
  if (options_.training) {
    // Below the first weights nobody asks for gradients.
    const bool wanted = trains(s) || std::any_of(steps_.begin(), steps_.end(), trains);
    if (wanted) s.gradient = take_rows(s.stride);
    if (op.kind == OpKind::dropout) s.mask = take_rows(s.stride);
    if (op.kind == OpKind::dense && op.activation == Activation::gelu) s.before = take_rows(s.stride);
  }
  steps_.push_back(s);
}

template <typename T>
typename CpuProgram<T>::Rows CpuProgram<T>::input_of(const Step& s, const T* x, bool training) const {
  if (training) return s.input != nullptr ? Rows{s.input, s.input_stride} : Rows{x, plan_.inputs};
  return s.plain_input != nullptr ? Rows{s.plain_input, s.plain_stride} : Rows{x, plan_.inputs};
}

template <typename T>
void CpuProgram<T>::check_rows(std::int64_t rows) const {
  if (rows < 1 || rows > batch_) fail(ErrorKind::internal, "{} rows in a batch of {}", rows, batch_);
}

template <typename T>
void CpuProgram<T>::run_forward(std::int64_t rows, const T* x, bool training, std::uint64_t step) {
  for (const Step& s : steps_) {
    const Rows in = input_of(s, x, training);
    switch (s.kind) {
      case OpKind::dense: forward_dense(s, rows, in, training); break;
      case OpKind::activation: {
        const T* from = in.data;
        if (in.stride != s.stride) {  // the batch: its rows are not padded
          for (std::int64_t i = 0; i < rows; ++i)
            std::copy_n(in.data + i * in.stride, s.outputs, s.output + i * s.stride);
          from = s.output;
        }
        kernels_.activate(s.activation, rows * s.stride, from, s.output);
        break;
      }
      case OpKind::dropout:
        if (training) forward_dropout(s, rows, in, step);
        break;
    }
  }
}

template <typename T>
void CpuProgram<T>::forward_dense(const Step& s, std::int64_t rows, Rows in, bool training) {
  Gemm<T> g;
  g.m = rows;
  g.n = s.outputs;
  g.k = s.inputs;
  g.a = in.data;
  g.a_row = in.stride;
  g.b = s.kernel;
  g.b_row = s.outputs;
  g.c = training && s.before != nullptr ? s.before : s.output;
  g.c_row = s.stride;
  g.c_padded = true;
  g.start = s.bias;
  g.panel = panel_;
  kernels_.gemm(g);
  kernels_.activate(s.activation, rows * s.stride, g.c, s.output);
}

template <typename T>
void CpuProgram<T>::forward_dropout(const Step& s, std::int64_t rows, Rows in, std::uint64_t step) {
  const auto keep = static_cast<T>(1 / (1 - s.rate));
  const auto limit = static_cast<std::uint32_t>(s.rate * 0x1p32);
  const auto stream = static_cast<std::uint32_t>(RandomUse::dropout) | static_cast<std::uint32_t>(s.layer)
                                                                           << 8;
  kernels_.dropout_mask(rows * s.outputs, options_.seed, stream, step, limit, keep, s.mask);
  kernels_.multiply_rows(rows, s.outputs, in.data, in.stride, s.mask, s.output, s.stride);
}

// The last values, as the loss wants them.
template <typename T>
LossRows<T> CpuProgram<T>::loss_rows(const ExamplesOf<T>& e, bool training) const {
  const Rows z = outputs_of(e.x, training);
  LossRows<T> rows;
  rows.rows = e.rows;
  rows.width = plan_.outputs;
  rows.z = z.data;
  rows.z_row = z.stride;
  rows.labels = e.labels;
  rows.targets = e.targets;
  rows.weights = e.weights;
  return rows;
}

// Where the network ends: a dropout at the very end does nothing outside of training.
template <typename T>
typename CpuProgram<T>::Rows CpuProgram<T>::outputs_of(const T* x, bool training) const {
  const Step& last = steps_.back();
  if (last.kind == OpKind::dropout && !training) return input_of(last, x, false);
  return {last.output, last.stride};
}

template <typename T>
void CpuProgram<T>::finish_outputs(std::int64_t rows, const T* x, T* y) {
  const Rows z = outputs_of(x, false);
  const std::int64_t width = plan_.outputs;
  if (plan_.loss == Loss::categorical_crossentropy) {
    kernels_.softmax(rows, width, values_ + (z.data - values_), z.stride, y);
    return;
  }
  if (plan_.loss == Loss::binary_crossentropy) {
    kernels_.activate(Activation::sigmoid, rows * z.stride, z.data, values_ + (z.data - values_));
  }
  for (std::int64_t i = 0; i < rows; ++i) std::copy_n(z.data + i * z.stride, width, y + i * width);
}

template <typename T>
void CpuProgram<T>::forward(std::int64_t rows, const T* x, T* y) {
  check_rows(rows);
  const FlushDenormals flush;
  run_forward(rows, x, false, 0);
  finish_outputs(rows, x, y);
}

template <typename T>
double CpuProgram<T>::evaluate(const ExamplesOf<T>& e, T* y) {
  check_rows(e.rows);
  const FlushDenormals flush;
  run_forward(e.rows, e.x, false, 0);
  const double loss = kernels_.loss(plan_.loss, loss_rows(e, false));
  if (y != nullptr) finish_outputs(e.rows, e.x, y);
  return loss;
}

template <typename T>
double CpuProgram<T>::compute_gradients(const ExamplesOf<T>& e, std::uint64_t step) {
  check_rows(e.rows);
  const FlushDenormals flush;
  run_forward(e.rows, e.x, true, step);
  double total = static_cast<double>(e.rows);
  if (e.weights != nullptr) {
    total = 0;
    for (std::int64_t i = 0; i < e.rows; ++i) total += static_cast<double>(e.weights[i]);
  }
  LossRows<T> rows = loss_rows(e, true);
  rows.gradient = steps_.back().gradient;
  rows.scale = static_cast<T>(total > 0 ? 1 / total : 0);
  const double loss = kernels_.loss(plan_.loss, rows);
  backward(e.rows, e.x);
  add_decay();
  return loss;
}

template <typename T>
void CpuProgram<T>::backward(std::int64_t rows, const T* x) {
  for (auto s = steps_.rbegin(); s != steps_.rend() && s->gradient != nullptr; ++s) {
    const std::int64_t count = rows * s->stride;
    switch (s->kind) {
      case OpKind::dense:
        kernels_.activate_back(s->activation, count, s->before != nullptr ? s->before : s->output,
                               s->gradient);
        backward_dense(*s, rows, x);
        break;
      case OpKind::activation:
        if (s->input_gradient == nullptr) break;
        std::copy_n(s->gradient, count, s->input_gradient);
        kernels_.activate_back(s->activation, count, s->activation == Activation::gelu ? s->input : s->output,
                               s->input_gradient);
        break;
      case OpKind::dropout:
        if (s->input_gradient == nullptr) break;
        kernels_.multiply_rows(rows, s->outputs, s->gradient, s->stride, s->mask, s->input_gradient,
                               s->stride);
        break;
    }
  }
}

template <typename T>
void CpuProgram<T>::backward_dense(const Step& s, std::int64_t rows, const T* x) {
  const Rows in = input_of(s, x, true);
  kernels_.column_sums(rows, s.outputs, s.gradient, s.stride, s.bias_gradient);
  Gemm<T> g;  // kernel gradient [inputs, outputs] = input^T * gradient
  g.m = s.inputs;
  g.n = s.outputs;
  g.k = rows;
  g.a = in.data;
  g.a_row = 1;
  g.a_col = in.stride;
  g.b = s.gradient;
  g.b_row = s.stride;
  g.c = s.kernel_gradient;
  g.c_row = s.outputs;
  g.panel = panel_;
  kernels_.gemm(g);
  if (s.input_gradient == nullptr) return;
  g = {};  // input gradient [rows, inputs] = gradient * kernel^T
  g.m = rows;
  g.n = s.inputs;
  g.k = s.outputs;
  g.a = s.gradient;
  g.a_row = s.stride;
  g.b = s.kernel;
  g.b_row = 1;
  g.b_col = s.outputs;
  g.c = s.input_gradient;
  g.c_row = s.input_stride;
  g.c_padded = true;
  g.panel = panel_;
  kernels_.gemm(g);
}

template <typename T>
void CpuProgram<T>::add_decay() {
  if (options_.l2 == 0) return;
  for (const Parameter& p : plan_.parameters) {
    if (!p.decays) continue;
    kernels_.add_scaled(round_up(p.size()), static_cast<T>(options_.l2), parameters_ + p.offset,
                        gradients_ + p.offset);
  }
}

template <typename T>
void CpuProgram<T>::clip() {
  if (options_.clip_norm <= 0) return;
  const auto size = static_cast<std::int64_t>(size_);
  const double norm = std::sqrt(kernels_.sum_of_squares(size, gradients_));
  if (norm > options_.clip_norm) kernels_.scale(size, static_cast<T>(options_.clip_norm / norm), gradients_);
}

template <typename T>
void CpuProgram<T>::apply_gradients(double learning_rate, std::uint64_t step) {
  const FlushDenormals flush;
  clip();
  const Optimizer& o = options_.optimizer;
  const auto n = static_cast<std::int64_t>(size_);
  const auto rate = static_cast<T>(learning_rate);
  const T* g = gradients_;
  T* w = own_parameters_;
  switch (o.kind) {
    case OptimizerKind::sgd: return kernels_.add_scaled(n, -rate, g, w);
    case OptimizerKind::momentum: return kernels_.momentum(n, rate, static_cast<T>(o.momentum), g, state_, w);
    case OptimizerKind::nesterov: return kernels_.nesterov(n, rate, static_cast<T>(o.momentum), g, state_, w);
    case OptimizerKind::rmsprop:
      return kernels_.rmsprop(n, rate, static_cast<T>(o.rho), static_cast<T>(o.epsilon), g, state_, w);
    case OptimizerKind::adamw:
      for (const Parameter& p : plan_.parameters) {
        if (!p.decays) continue;
        kernels_.scale(round_up(p.size()), static_cast<T>(1 - learning_rate * o.weight_decay), w + p.offset);
      }
      [[fallthrough]];
    case OptimizerKind::adam: {
      const double t = static_cast<double>(step) + 1;
      const double alpha = learning_rate * std::sqrt(1 - std::pow(o.beta_2, t)) / (1 - std::pow(o.beta_1, t));
      const Adam<T> constants = {static_cast<T>(alpha), static_cast<T>(o.beta_1), static_cast<T>(o.beta_2),
                                 static_cast<T>(o.epsilon)};
      return kernels_.adam(n, constants, g, state_, state_ + n, w);
    }
  }
}

template class CpuProgram<NN_SCALAR>;

}  // namespace nn::cpu
