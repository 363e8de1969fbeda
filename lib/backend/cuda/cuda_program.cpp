#include "backend/cuda/cuda_program.hpp"

#include <cstring>

#include "backend/step.hpp"
#include "base/error.hpp"

namespace nn::cuda {
namespace {

template <typename T>
T* copied(cudaStream_t stream, Arena& arena, const T* from, Index count) {
  T* to = arena.take<T>(count);
  upload(stream, from, count, to);
  return to;
}

}  // namespace

template <typename T>
CudaProgram<T>::CudaProgram(const Plan& plan, const ProgramOptions& options, const T* parameters)
    : plan_(options.training ? plan : without_dropout(plan)),
      options_(options),
      stream_(make_stream()),
      arena_(stream()),
      blas_(stream(), options.precision),
      setting_{plan_, arena_, blas_, stream(), options.training, options.batch, options.seed},
      parameters_(copied(stream(), arena_, parameters, plan.parameter_count)),
      gradients_(options.training ? arena_.take<T>(plan.parameter_count) : nullptr),
      staging_(stream(), arena_, plan_, options.batch, options.byte_values.has_value()),
      optimizer_(stream(), arena_, plan_, options, parameters_, gradients_, staging_.batch().state) {
  setting_.state = staging_.batch().state;
  setting_.parameters = parameters_;
  setting_.own_parameters = options.training ? parameters_ : nullptr;
  setting_.gradients = gradients_;
  if (options.byte_values) {
    const std::vector<T> values(options.byte_values->begin(), options.byte_values->end());
    byte_values_ = copied(stream(), arena_, values.data(), 256);
  }
  place_values();
  add_operations();
  setting_.partial.allocate(arena_);
  setting_.patches.allocate(arena_);
  outputs_ = arena_.take<T>(options.batch * plan_.outputs);
  losses_ = arena_.take<double>(options.batch);
  loss_ = arena_.take<double>(1);
  pinned_outputs_ = make_pinned(static_cast<std::size_t>(options.batch * plan_.outputs) * sizeof(T));
  pinned_loss_ = make_pinned(sizeof(double));
  wait(stream());
}

template <typename T>
void CudaProgram<T>::place_values() {
  const std::vector<bool> wanted = values_with_gradient(plan_);
  for (std::size_t v = 0; v < plan_.values.size(); ++v) {
    const Index stride = plan_.values[v].stride;
    Index count = 0;
    if (__builtin_mul_overflow(stride, options_.batch, &count)) count = INT64_MAX;
    places_.push_back({arena_.take<T>(count), stride});
    if (options_.training && wanted[v]) places_.back().gradient = arena_.take<T>(count);
  }
}

// From the last one to the first, as gradients are made: the second that reads a value adds to
// what the first has left there.
template <typename T>
void CudaProgram<T>::add_operations() {
  std::vector<bool> written(plan_.values.size());
  struct Adds {
    bool input = false, other = false;
  };
  std::vector<Adds> adds(plan_.ops.size());
  const auto write = [&](int value) {
    const bool before = written[static_cast<std::size_t>(value)];
    written[static_cast<std::size_t>(value)] = true;
    return before;
  };
  for (std::size_t i = plan_.ops.size(); i-- > 0;) {
    const Op& op = plan_.ops[i];
    if (op.other >= 0 && op.other == op.input) fail(ErrorKind::internal, "a value that is added to itself");
    adds[i].input = write(op.input);
    if (op.other >= 0) adds[i].other = write(op.other);
  }
  for (std::size_t i = 0; i < plan_.ops.size(); ++i) {
    const Op& op = plan_.ops[i];
    const auto place = [&](int value) -> Place<T>& { return places_[static_cast<std::size_t>(value)]; };
    operations_.push_back(
        make_operation(Operands<T>{op, setting_, place(op.input), place(op.other >= 0 ? op.other : op.input),
                                   place(op.output), adds[i].input, adds[i].other}));
    back_.push_back(place(op.output).gradient != nullptr);
  }
}

template <typename T>
void CudaProgram<T>::backward() {
  for (std::size_t i = operations_.size(); i-- > 0;) {
    if (back_[i]) operations_[i]->backward();
  }
}

template <typename T>
void CudaProgram<T>::read_outputs(Index rows, T* y) {
  const std::size_t bytes = static_cast<std::size_t>(rows * plan_.outputs) * sizeof(T);
  check(cudaMemcpyAsync(pinned_outputs_.get(), outputs_, bytes, cudaMemcpyDeviceToHost, stream()),
        "copying outputs");
  wait(stream());
  std::memcpy(y, pinned_outputs_.get(), bytes);
}

template <typename T>
double CudaProgram<T>::read_loss() {
  check(cudaMemcpyAsync(pinned_loss_.get(), loss_, sizeof(double), cudaMemcpyDeviceToHost, stream()),
        "copying a loss");
  wait(stream());
  return *static_cast<double*>(pinned_loss_.get());
}

template <typename T>
void CudaProgram<T>::forward(Index rows, InputsOf<T> x, T* y) {
  const bool bytes = x.bytes != nullptr;
  StepState state;
  state.rows = rows;
  staging_.send({rows, x}, state);
  graphs_[bytes].forward.run(stream(), [&] {
    run_forward(bytes, false);
    finish_outputs();
  });
  read_outputs(rows, y);
}

template <typename T>
double CudaProgram<T>::evaluate(const ExamplesOf<T>& e, T* y) {
  const bool bytes = e.x.bytes != nullptr;
  StepState state;
  state.rows = e.rows;
  staging_.send(e, state);
  graphs_[bytes].evaluate.run(stream(), [&] {
    run_forward(bytes, false);
    find_loss(false);
    finish_outputs();
  });
  const double loss = read_loss();
  if (y != nullptr) read_outputs(e.rows, y);
  return loss;
}

template <typename T>
void CudaProgram<T>::add_part(bool bytes, bool last) {
  run_forward(bytes, true);
  find_loss(true);
  backward();
  optimizer_.add_part();
  if (last) optimizer_.add_decay();
}

template <typename T>
double CudaProgram<T>::run_parts(std::span<const ExamplesOf<T>> parts, double learning_rate,
                                 std::uint64_t step, bool update) {
  StepState state;
  state.scale = scale_of(parts, options_);
  optimizer_.describe(learning_rate, step, state);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool bytes = parts[i].x.bytes != nullptr, last = i + 1 == parts.size();
    state.rows = parts[i].rows;
    state.part = static_cast<Index>(i);
    state.step = step * static_cast<std::uint64_t>(options_.parts) + i;
    staging_.send(parts[i], state);
    Graphs& graphs = graphs_[bytes];
    Graph& graph = !last ? graphs.part : update ? graphs.step : graphs.last_part;
    graph.run(stream(), [&] {
      add_part(bytes, last);
      if (last && update) optimizer_.update();
    });
  }
  return read_loss();
}

template <typename T>
double CudaProgram<T>::train_step(std::span<const ExamplesOf<T>> parts, double learning_rate,
                                  std::uint64_t step) {
  return run_parts(parts, learning_rate, step, true);
}

template <typename T>
double CudaProgram<T>::compute_gradients(std::span<const ExamplesOf<T>> parts, std::uint64_t step) {
  return run_parts(parts, 0, step, false);
}

template <typename T>
void CudaProgram<T>::exchange_average() {
  optimizer_.exchange_average();
}

template class CudaProgram<NN_SCALAR>;

}  // namespace nn::cuda
