#include "backend/cuda/cuda_program.hpp"

#include <algorithm>
#include <bit>

#include "backend/step.hpp"
#include "base/error.hpp"

namespace nn::backend::cuda {
namespace {

constexpr std::size_t most_members = 65535;  // the largest z of a grid

// Kernels number the pixels of a batch in 32 bits.
void check_pixels(const Plan& plan, std::int64_t batch) {
  constexpr std::int64_t most = (std::int64_t{1} << 31) - 1;
  std::int64_t pixels = 1;
  for (const Op& op : plan.ops) pixels = std::max({pixels, op.in.pixels(), op.out.pixels()});
  if (batch > most / pixels) {
    fail(ErrorKind::unsupported, "{} rows of {} pixels in a batch: a CUDA device takes {} pixels", batch,
         pixels, most);
  }
}

std::span<const ProgramOptions> checked(const Plan& plan, std::span<const ProgramOptions> members) {
  if (members.empty() || members.size() > most_members) {
    fail(ErrorKind::unsupported, "{} networks in one program: a CUDA device takes 1 to {}", members.size(),
         most_members);
  }
  check_pixels(plan, members.front().batch);
  return members;
}

}  // namespace

template <typename T>
CudaProgram<T>::CudaProgram(const Plan& plan, std::span<const ProgramOptions> members,
                            std::span<const T* const> parameters)
    : plan_(checked(plan, members).front().training ? plan : for_prediction(plan)),
      members_(members.begin(), members.end()),
      options_(members.front()),
      stream_(make_stream()),
      arena_(stream()),
      blas_(queue(), options_.precision),
      context_{plan_, arena_, blas_, queue(), options_.training, options_.batch},
      parameters_(copied(parameters)),
      gradients_(options_.training ? context_.template take<T>(size()) : nullptr),
      staging_(queue(), arena_, plan_, options_),
      optimizer_(queue(), arena_, plan_, members, parameters_, gradients_,
                 staging_.batch(Source::floats).state),
      active_(members.size(), true),
      states_(members.size()),
      batches_(members.size()) {
  context_.state = staging_.batch(Source::floats).state;
  context_.parameters = parameters_;
  context_.gradients = gradients_;
  if (options_.byte_values) {
    const std::vector<T> values(options_.byte_values->begin(), options_.byte_values->end());
    byte_values_ = arena_.take<T>(256);
    upload(stream(), values.data(), 256, byte_values_);
  }
  place_values();
  add_operations();
  const auto count = static_cast<Index>(members.size());
  context_.partial.allocate(arena_, count);
  context_.patches.allocate(arena_, count);
  outputs_ = context_.template take<T>(options_.batch * plan_.answers());
  losses_ = context_.template take<double>(options_.batch);
  loss_ = context_.template take<double>(1);
  total_ = context_.template take<double>(1);
  pinned_outputs_ =
      make_pinned(static_cast<std::size_t>(count * options_.batch * plan_.answers()) * sizeof(T));
  pinned_losses_ = make_pinned(members.size() * sizeof(double));
  transfer_ = Transfer(static_cast<std::size_t>(std::max(size(), state_size())) * sizeof(T));
  wait(stream());
}

template <typename T>
Each<T> CudaProgram<T>::copied(std::span<const T* const> parameters) {
  const Each<T> all = context_.template take<T>(size());
  for (std::size_t m = 0; m < members(); ++m) upload(stream(), parameters[m], size(), all.of(m));
  return all;
}

template <typename T>
void CudaProgram<T>::place_values() {
  const std::vector<bool> wanted = values_with_gradient(plan_);
  const auto members = static_cast<Index>(members_.size());
  for (std::size_t v = 0; v < plan_.values.size(); ++v) {
    const Index stride = plan_.values[v].stride;
    Index count = 0;
    if (__builtin_mul_overflow(stride, options_.batch, &count)) count = most_elements;
    count = well_aligned(std::min(count, most_elements));
    const Index copies = v == 0 && options_.training && options_.shared_batches ? 1 : members;
    Each<T> data = arena_.take_each<T>(copies, count);
    views_.push_back({copies == members ? data : data.shared(), stride});
    if (options_.training && wanted[v]) views_.back().gradient = arena_.take_each<T>(members, count);
  }
}

// From the last one to the first, as gradients are made: the second that reads a value adds to
// what the first has left there.
template <typename T>
void CudaProgram<T>::add_operations() {
  std::vector<bool> written(plan_.values.size());
  struct Inputs {
    bool first_adds = false;
    std::vector<Input<T>> others;
  };
  std::vector<Inputs> inputs(plan_.ops.size());
  const auto view = [&](int value) -> TensorView<T>& { return views_[static_cast<std::size_t>(value)]; };
  const auto write = [&](int value) -> bool {
    const bool before = written[static_cast<std::size_t>(value)];
    written[static_cast<std::size_t>(value)] = true;
    return before;
  };
  for (std::size_t i = plan_.ops.size(); i-- > 0;) {
    const Op& op = plan_.ops[i];
    inputs[i].first_adds = write(op.input);
    for (const int other : op.others) inputs[i].others.push_back({view(other), write(other)});
  }
  for (std::size_t i = 0; i < plan_.ops.size(); ++i) {
    const Op& op = plan_.ops[i];
    operations_.push_back(make_operation(
        Operands<T>{op, context_, view(op.input), view(op.output), inputs[i].first_adds, inputs[i].others}));
    back_.push_back(view(op.output).gradient != nullptr);
  }
}

template <typename T>
void CudaProgram<T>::backward() {
  for (std::size_t i = operations_.size(); i-- > 0;) {
    if (back_[i]) operations_[i]->backward();
  }
}

// Queues copies of the active members' outputs to the host; take_outputs() has them after waiting.
template <typename T>
void CudaProgram<T>::queue_outputs(Index rows) {
  const Index count = rows * plan_.answers();
  T* to = static_cast<T*>(pinned_outputs_.get());
  for (std::size_t m = 0; m < members(); ++m, to += count) {
    if (!active_[m]) continue;
    check(cudaMemcpyAsync(to, outputs_.of(m), static_cast<std::size_t>(count) * sizeof(T),
                          cudaMemcpyDeviceToHost, stream()),
          "copying outputs");
  }
}

template <typename T>
void CudaProgram<T>::take_outputs(Index rows, T* y) const {
  const Index count = rows * plan_.answers();
  const T* from = static_cast<const T*>(pinned_outputs_.get());
  for (std::size_t m = 0; m < members(); ++m, from += count, y += count) {
    if (active_[m]) std::copy_n(from, count, y);
  }
}

template <typename T>
Source CudaProgram<T>::send_to_all(const ExamplesOf<T>& e) {
  StepState state;
  state.rows = e.rows;
  std::fill(states_.begin(), states_.end(), state);
  const ExamplesOf<T>* const batch = &e;
  return staging_.send({&batch, 1}, states_);
}

template <typename T>
void CudaProgram<T>::forward(Index rows, InputsOf<T> x, T* y) {
  const Source source = send_to_all({rows, x});
  // A batch of few rows computes few.
  const auto size = std::bit_ceil(static_cast<std::uint64_t>(rows));
  graphs_of(source).forward[static_cast<std::size_t>(std::countr_zero(size))].run(stream(), [&] {
    context_.batch = std::min(static_cast<Index>(size), options_.batch);
    run_forward(staging_.batch(source).shared(), source, false);
    finish_outputs();
  });
  queue_outputs(rows);
  wait(stream());
  take_outputs(rows, y);
}

template <typename T>
void CudaProgram<T>::evaluate(const ExamplesOf<T>& e, T* y, std::span<double> losses) {
  const Source source = send_to_all(e);
  graphs_of(source).evaluate.run(stream(), [&] {
    context_.batch = options_.batch;
    const Batch<T> batch = staging_.batch(source).shared();
    run_forward(batch, source, false);
    find_loss(batch, false, false);
    finish_outputs();
  });
  if (y != nullptr) queue_outputs(e.rows);
  read_active(loss_, losses);  // waits
  if (y != nullptr) take_outputs(e.rows, y);
}

template <typename T>
void CudaProgram<T>::add_part(Source source, bool last, bool update) {
  context_.batch = options_.batch;
  run_forward(staging_.batch(source), source, true);
  find_loss(staging_.batch(source), true, last && update);
  backward();
  optimizer_.add_part();
  if (last) optimizer_.add_decay();
  if (last && update) optimizer_.update();
}

// The part of a step that all its parts share.
template <typename T>
void CudaProgram<T>::describe_steps(std::span<const StepOf<T>> steps) {
  for (std::size_t m = 0; m < members(); ++m) {
    StepState& state = states_[m] = {};
    state.active = active_[m];
    if (!active_[m]) continue;
    state.scale = scale_of(parts_of(steps, m), options_);
    fill_state(members_[m], steps[m].learning_rate, steps[m].number, state);
  }
}

// Finds the batches of a part.
template <typename T>
void CudaProgram<T>::choose_part(std::span<const StepOf<T>> steps, std::size_t part) {
  for (std::size_t m = 0; m < members(); ++m) {
    const auto parts = parts_of(steps, m);
    StepState& state = states_[m];
    const bool there = part < parts.size() && (active_[m] || options_.shared_batches);
    batches_[m] = there ? &parts[part] : nullptr;
    state.has_part = there && active_[m];
    state.rows = there ? parts[part].rows : 0;
    state.part = static_cast<Index>(part);
    state.step = steps[m].number * static_cast<std::uint64_t>(options_.parts) + part;
  }
}

template <typename T>
std::span<const ExamplesOf<T>> CudaProgram<T>::parts_of(std::span<const StepOf<T>> steps,
                                                        std::size_t member) const {
  if (!options_.shared_batches) return steps[member].parts;
  return steps[static_cast<std::size_t>(std::find(active_.begin(), active_.end(), true) - active_.begin())]
      .parts;
}

template <typename T>
void CudaProgram<T>::run_steps(std::span<const StepOf<T>> steps, bool update) {
  if (steps.size() != members())
    fail(ErrorKind::internal, "{} steps for {} networks", steps.size(), members());
  std::size_t count = 0;
  for (std::size_t m = 0; m < members(); ++m) {
    if (active_[m]) count = std::max(count, parts_of(steps, m).size());
  }
  if (count == 0) return;
  describe_steps(steps);
  for (std::size_t part = 0; part < count; ++part) {
    choose_part(steps, part);
    const bool last = part + 1 == count;
    const auto batches = std::span(batches_).first(options_.shared_batches ? 1 : members());
    const Source source = staging_.send(batches, states_);
    Graphs& graphs = graphs_of(source);
    Graph& graph = !last ? graphs.part : update ? graphs.step : graphs.last_part;
    graph.run(stream(), [&] { add_part(source, last, update); });
  }
}

template <typename T>
void CudaProgram<T>::compute_gradients(std::span<const StepOf<T>> steps, std::span<double> losses) {
  run_steps(steps, false);
  read_active(loss_, losses);
}

template <typename T>
const double* CudaProgram<T>::read_all(Each<const double> losses) const {
  check(cudaMemcpyAsync(pinned_losses_.get(), losses.data, members() * sizeof(double), cudaMemcpyDeviceToHost,
                        stream()),
        "copying losses");
  wait(stream());
  return static_cast<const double*>(pinned_losses_.get());
}

template <typename T>
void CudaProgram<T>::read_active(Each<const double> from, std::span<double> losses) const {
  const double* all = read_all(from);
  for (std::size_t m = 0; m < members(); ++m) {
    if (active_[m]) losses[m] = all[m];
  }
}

template <typename T>
void CudaProgram<T>::read_losses(std::span<double> losses) const {
  std::copy_n(read_all(total_), members(), losses.begin());
}

template <typename T>
void CudaProgram<T>::start_losses(std::span<const double> losses) {
  upload(stream(), transfer_, losses.data(), static_cast<Index>(members()), total_.data);
}

template <typename T>
void CudaProgram<T>::exchange_average() {
  optimizer_.exchange_average();
}

template class CudaProgram<NN_SCALAR>;

}  // namespace nn::backend::cuda
