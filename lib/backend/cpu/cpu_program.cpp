#include "backend/cpu/cpu_program.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "backend/cpu/denormals.hpp"
#include "backend/step.hpp"
#include "backend/update.hpp"
#include "base/error.hpp"

namespace nn::backend::cpu {
namespace {

const Bf16Kernels* bf16_of(const ProgramOptions& options, Isa isa) {
  if (options.precision == Precision::tf32)
    fail(ErrorKind::unsupported, "--precision tf32 is for CUDA devices, not for a CPU");
  if (options.precision != Precision::bf16) return nullptr;
  if (options.training) fail(ErrorKind::unsupported, "training in bfloat16");
  return &bf16_kernels_of(isa);
}

}  // namespace

template <typename T>
T* Arena<T>::take(std::int64_t count, bool zeroed) {
  constexpr std::int64_t slack = 32, most = INT64_MAX / 64;
  if (count < 0 || count > most) fail(ErrorKind::unsupported, "the network doesn't fit into memory");
  Buffer& buffer = buffers_.emplace_back(static_cast<std::size_t>(round_up(count) + slack) * sizeof(T));
  if (zeroed) std::memset(buffer.data(), 0, buffer.size());
  return buffer.template as<T>();
}

template <typename T>
CpuProgram<T>::CpuProgram(const Plan& plan, const ProgramOptions& options, const T* parameters, Isa isa,
                          Team* team)
    : plan_(options.training ? plan : for_prediction(plan)),
      quantiles_(plan.quantiles.begin(), plan.quantiles.end()),
      options_(options),
      changing_(changing_parameters(plan_)),
      size_(static_cast<std::size_t>(plan.parameter_count)),
      parameters_(parameters),
      context_{kernels_of<T>(isa),
               plan_,
               arena_,
               team,
               bf16_of(options, isa),
               options.training,
               options.batch,
               options.seed,
               nullptr,
               nullptr,
               nullptr,
               nullptr} {
  if (options.training) {
    const auto size = static_cast<std::int64_t>(size_);
    const int slots = slots_of(options.optimizer.kind);
    state_size_ = size_ * static_cast<std::size_t>(slots + (options.ema > 0 ? 1 : 0));
    own_parameters_ = arena_.take(size, true);
    gradients_ = arena_.take(size, true);
    state_ = arena_.take(static_cast<std::int64_t>(state_size_), true);
    std::copy_n(parameters, size_, own_parameters_);
    if (options.ema > 0) {
      average_ = state_ + slots * size;
      std::copy_n(parameters, size_, average_);
    }
    if (options.parts > 1) sum_ = arena_.take(size, true);
    parameters_ = own_parameters_;
  }
  context_.parameters = parameters_;
  context_.own_parameters = own_parameters_;
  context_.gradients = gradients_;
  context_.panels = arena_.take(context_.threads() * panel_size, false);
  place_values();
  add_operations();
}

template <typename T>
void CpuProgram<T>::place_values() {
  const bool training = options_.training;
  std::int64_t count = 0;
  if (__builtin_mul_overflow(plan_.values_per_row, options_.batch, &count)) count = INT64_MAX;
  T* values = arena_.take(count, training);
  T* gradients = training ? arena_.take(count, true) : nullptr;
  for (const Value& value : plan_.values)
    views_.push_back({values + value.offset * options_.batch, value.stride});
  views_.front().data = nullptr;
  const std::vector<bool> wanted = values_with_gradient(plan_);
  for (std::size_t v = 0; training && v < wanted.size(); ++v) {
    if (wanted[v]) views_[v].gradient = gradients + plan_.values[v].offset * options_.batch;
  }
}

// From the last one to the first, as gradients are made: the second that reads a value adds to
// what the first has left there.
template <typename T>
void CpuProgram<T>::add_operations() {
  std::vector<bool> written(plan_.values.size());
  std::int64_t largest = 0;
  const auto place_for = [&](int value, int op) -> TensorView<T>& {
    const auto index = static_cast<std::size_t>(value);
    TensorView<T>& view = views_[index];
    if (view.gradient == nullptr) return view;
    if (!written[index]) {
      written[index] = true;
      return view;
    }
    additions_.push_back({op, nullptr, view.gradient, view.stride});
    largest = std::max(largest, view.stride);
    views_.push_back(view);
    return views_.back();
  };
  struct Inputs {
    TensorView<T>* first;
    std::vector<const TensorView<T>*> others;
  };
  std::vector<Inputs> inputs(plan_.ops.size());
  for (std::size_t i = plan_.ops.size(); i-- > 0;) {
    const Op& op = plan_.ops[i];
    const int number = static_cast<int>(i);
    inputs[i].first = &place_for(op.input, number);
    for (const int other : op.others) inputs[i].others.push_back(&place_for(other, number));
  }
  place_additions(largest);
  for (std::size_t i = 0; i < plan_.ops.size(); ++i) {
    const Op& op = plan_.ops[i];
    TensorView<T>& output = views_[static_cast<std::size_t>(op.output)];
    operations_.push_back(
        make_operation(Operands<T>{op, context_, *inputs[i].first, inputs[i].others, output}));
    back_.push_back(output.gradient != nullptr);
  }
}

// Memory for gradients that are made aside. As much as one operation makes is enough: it is added before the
// next one runs.
template <typename T>
void CpuProgram<T>::place_additions(std::int64_t largest) {
  std::vector<std::int64_t> numbers;  // of each addition among those of its operation
  for (std::size_t a = 0; a < additions_.size(); ++a) {
    const bool first = a == 0 || additions_[a].op != additions_[a - 1].op;
    numbers.push_back(first ? 0 : numbers.back() + 1);
  }
  if (numbers.empty()) return;
  const std::int64_t most = *std::ranges::max_element(numbers) + 1;
  std::int64_t count = 0, all = 0;
  if (__builtin_mul_overflow(largest, options_.batch, &count) ||
      __builtin_mul_overflow(round_up(count), most, &all))
    all = INT64_MAX;
  scratch_ = arena_.take(all, true);
  for (std::size_t a = 0; a < additions_.size(); ++a) {
    T* aside = scratch_ + numbers[a] * round_up(count);
    additions_[a].from = aside;
    views_[plan_.values.size() + a].gradient = aside;
  }
}

template <typename T>
void CpuProgram<T>::run_forward(std::int64_t rows, const T* x, bool training, std::uint64_t step) {
  if (rows < 1 || rows > options_.batch) {
    fail(ErrorKind::internal, "{} rows in a batch of {}", rows, options_.batch);
  }
  views_.front().data = const_cast<T*>(x);  // nothing writes to the batch
  const Run run{rows, training, step};
  for (const auto& operation : operations_) operation->forward(run);
}

template <typename T>
const TensorView<T>& CpuProgram<T>::last() const {
  return views_[static_cast<std::size_t>(plan_.ops.back().output)];
}

// The last values, as the loss wants them.
template <typename T>
LossRows<T> CpuProgram<T>::loss_rows(const ExamplesOf<T>& e) const {
  const TensorView<T>& z = last();
  LossRows<T> rows;
  rows.rows = e.rows;
  rows.width = plan_.outputs;
  rows.z = z.data;
  rows.z_row = z.stride;
  rows.labels = e.labels;
  rows.targets = e.targets;
  rows.quantiles = quantiles_.data();
  rows.weights = e.weights;
  return rows;
}

template <typename T>
void CpuProgram<T>::finish_outputs(std::int64_t rows, T* y) {
  const TensorView<T>& z = last();
  const std::int64_t width = plan_.answers();
  if (plan_.loss == Loss::categorical_crossentropy) {
    kernels().softmax(rows, width, z.data, z.stride, y);
    return;
  }
  if (plan_.loss == Loss::binary_crossentropy) {
    // Of one logit the other class has its negative, for which the padding of a row has room.
    for (std::int64_t i = 0; width != plan_.outputs && i < rows; ++i) {
      T* row = z.data + i * z.stride;
      row[1] = std::exchange(row[0], -row[0]);
    }
    kernels().activate(Activation::sigmoid, 0, rows * z.stride, z.data, z.data);
  }
  for (std::int64_t i = 0; i < rows; ++i) std::copy_n(z.data + i * z.stride, width, y + i * width);
}

template <typename T>
void CpuProgram<T>::forward(std::int64_t rows, const T* x, T* y) {
  const FlushDenormals flush;
  run_forward(rows, x, false, 0);
  finish_outputs(rows, y);
}

template <typename T>
double CpuProgram<T>::evaluate(const ExamplesOf<T>& e, T* y) {
  const FlushDenormals flush;
  run_forward(e.rows, e.x, false, 0);
  const double loss = kernels().loss(plan_.loss, loss_rows(e));
  if (y != nullptr) finish_outputs(e.rows, y);
  return loss;
}

template <typename T>
double CpuProgram<T>::compute_gradients(std::span<const ExamplesOf<T>> parts, std::uint64_t step) {
  const FlushDenormals flush;
  const auto scale = static_cast<T>(scale_of(parts, options_));
  const auto size = static_cast<std::int64_t>(size_);
  double loss = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) std::copy_n(gradients_, size_, sum_);
    loss += add_part(parts[i], scale, step * static_cast<std::uint64_t>(options_.parts) + i);
    if (i > 0) kernels().add_scaled(size, 1, sum_, gradients_);
  }
  add_decay();
  return loss;
}

// The gradient of one part into gradients_.
template <typename T>
double CpuProgram<T>::add_part(const ExamplesOf<T>& e, T scale, std::uint64_t step) {
  run_forward(e.rows, e.x, true, step);
  LossRows<T> rows = loss_rows(e);
  rows.gradient = last().gradient;
  rows.scale = scale;
  rows.smoothing = static_cast<T>(options_.label_smoothing);
  const double loss = kernels().loss(plan_.loss, rows);
  backward({e.rows, true, step});
  return loss;
}

template <typename T>
void CpuProgram<T>::backward(const Run& run) {
  auto addition = additions_.begin();
  for (std::size_t i = operations_.size(); i-- > 0;) {
    if (back_[i]) operations_[i]->backward(run);
    for (; addition != additions_.end() && addition->op == static_cast<int>(i); ++addition)
      kernels().add_scaled(round_up(run.rows * addition->stride), 1, addition->from, addition->to);
  }
}

template <typename T>
void CpuProgram<T>::add_decay() {
  if (options_.l2 == 0) return;
  for (const Parameter& p : plan_.parameters) {
    if (!p.decays) continue;
    kernels().add_scaled(round_up(p.size()), static_cast<T>(options_.l2), parameters_ + p.offset,
                         gradients_ + p.offset);
  }
}

template <typename T>
void CpuProgram<T>::clip() {
  if (options_.clip_norm <= 0) return;
  const auto size = static_cast<std::int64_t>(size_);
  const double norm = std::sqrt(kernels().sum_of_squares(size, gradients_));
  if (norm > options_.clip_norm) kernels().scale(size, static_cast<T>(options_.clip_norm / norm), gradients_);
}

template <typename T>
void CpuProgram<T>::apply_gradients(double learning_rate, std::uint64_t step) {
  const FlushDenormals flush;
  clip();
  update(learning_rate, step);
  if (average_ != nullptr) move_average(step);
}

template <typename T>
void CpuProgram<T>::move_average(std::uint64_t step) {
  const double decay = average_decay(options_.ema, step);
  for (const ParameterRange& part : changing_) {
    kernels().scale(part.count, static_cast<T>(decay), average_ + part.first);
    kernels().add_scaled(part.count, static_cast<T>(1 - decay), own_parameters_ + part.first,
                         average_ + part.first);
  }
}

template <typename T>
void CpuProgram<T>::exchange_average() {
  if (average_ != nullptr) std::swap_ranges(average_, average_ + size_, own_parameters_);
}

template <typename T>
void CpuProgram<T>::update(double learning_rate, std::uint64_t step) {
  const Optimizer& o = options_.optimizer;
  if (o.kind == OptimizerKind::adamw) {
    for (const Parameter& p : plan_.parameters) {
      if (!p.decays) continue;
      kernels().scale(round_up(p.size()), static_cast<T>(1 - learning_rate * o.weight_decay),
                      own_parameters_ + p.offset);
    }
  }
  for (const ParameterRange& part : changing_) update(part, learning_rate, step);
}

template <typename T>
void CpuProgram<T>::update(const ParameterRange& part, double learning_rate, std::uint64_t step) {
  const Optimizer& o = options_.optimizer;
  const std::int64_t n = part.count;
  const auto rate = static_cast<T>(learning_rate);
  const T* g = gradients_ + part.first;
  T* w = own_parameters_ + part.first;
  T* first = state_ + part.first;
  switch (o.kind) {
    case OptimizerKind::sgd: return kernels().add_scaled(n, -rate, g, w);
    case OptimizerKind::momentum: return kernels().momentum(n, rate, static_cast<T>(o.momentum), g, first, w);
    case OptimizerKind::nesterov: return kernels().nesterov(n, rate, static_cast<T>(o.momentum), g, first, w);
    case OptimizerKind::rmsprop:
      return kernels().rmsprop(n, rate, static_cast<T>(o.rho), static_cast<T>(o.epsilon), g, first, w);
    case OptimizerKind::adam:
    case OptimizerKind::adamw: {
      const Adam<T> constants = {static_cast<T>(adam_rate(o, learning_rate, step)), static_cast<T>(o.beta_1),
                                 static_cast<T>(o.beta_2), static_cast<T>(o.epsilon)};
      return kernels().adam(n, constants, g, first, first + static_cast<std::int64_t>(size_), w);
    }
  }
}

template class Arena<NN_SCALAR>;
template class CpuProgram<NN_SCALAR>;

}  // namespace nn::backend::cpu
