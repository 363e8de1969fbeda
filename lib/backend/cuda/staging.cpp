#include "backend/cuda/staging.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "base/memory.hpp"

namespace nn::backend::cuda {
namespace {

template <typename T>
Source source_of(const ExamplesOf<T>& e) {
  if (e.chosen != nullptr) return Source::kept;
  return e.x.bytes != nullptr ? Source::bytes : Source::floats;
}

}  // namespace

template <typename T>
Staging<T>::Staging(const Queue& queue, Arena& arena, const Plan& plan, const ProgramOptions& options)
    : stream_(queue.stream),
      rows_(options.batch),
      inputs_(plan.inputs),
      targets_(plan.targets()),
      most_(options.training && !options.shared_batches ? static_cast<std::size_t>(queue.members) : 1),
      classes_(is_classification(plan.loss)),
      data_(queue.stream) {
  const auto batches = static_cast<Index>(most_);
  batch_.state = arena.take_each<StepState>(queue.members, 1);
  batch_.floats = arena.take_each<T>(batches, rows_ * inputs_);
  if (options.byte_values) batch_.bytes = arena.take_each<std::uint8_t>(batches, rows_ * inputs_);
  if (classes_) {
    batch_.labels = arena.take_each<std::int32_t>(batches, rows_);
  } else {
    batch_.targets = arena.take_each<T>(batches, rows_ * targets_);
  }
  batch_.weights = arena.take_each<T>(batches, rows_);
  kept_.state = batch_.state;
  if (options.training) kept_.chosen = arena.take_each<std::uint32_t>(batches, rows_);
  if (most_ == 1) {
    batch_ = batch_.shared();
    kept_ = kept_.shared();
  }
  const auto elements = static_cast<std::size_t>(batches * rows_ * (inputs_ + targets_ + 2));
  const std::size_t states = static_cast<std::size_t>(queue.members) * sizeof(StepState);
  for (Slot& slot : slots_) {
    slot.memory = make_pinned(elements * sizeof(T) + states + 8 * alignment);
    slot.read = make_event();
  }
}

template <typename T>
char* Staging<T>::begin(Slot& slot) {
  if (slot.used) check(cudaEventSynchronize(slot.read.get()), "waiting for a copy");
  slot.used = true;
  return static_cast<char*>(slot.memory.get());
}

// `get` finds a batch's rows of `width` elements; of one that has none all are 1. They lie as on the
// device, so that one copy is enough.
template <typename T>
template <typename E, typename Get>
void Staging<T>::copy(char*& free, std::span<const ExamplesOf<T>* const> batches, Index width, Get get,
                      Each<E> to) {
  E* all = reinterpret_cast<E*>(free);
  E* end = all;
  for (std::size_t b = 0; b < batches.size(); ++b) {
    if (batches[b] == nullptr) continue;
    E* first = all + static_cast<Index>(b) * rows_ * width;
    const Index count = batches[b]->rows * width;
    if (const E* from = get(*batches[b])) {
      std::memcpy(first, from, static_cast<std::size_t>(count) * sizeof(E));
    } else {
      std::fill_n(first, count, E{1});
    }
    end = first + count;
  }
  const std::size_t bytes = static_cast<std::size_t>(end - all) * sizeof(E);
  check(cudaMemcpyAsync(to.data, all, bytes, cudaMemcpyHostToDevice, stream_), "copying a batch");
  free += align_up(bytes);
}

template <typename T>
template <typename E>
E* Staging<T>::copy_of(const E* values, Index count) {
  if (values == nullptr) return nullptr;
  E* copy = data_.take<E>(count);
  upload(stream_, values, count, copy);
  return copy;
}

template <typename T>
bool Staging<T>::keep(const ExamplesOf<T>& d) {
  const std::size_t row = static_cast<std::size_t>(inputs_) * (d.x.bytes != nullptr ? 1 : sizeof(T)) +
                          static_cast<std::size_t>(targets_ + 1) * sizeof(T);
  // Other programs want some, too.
  if (static_cast<std::size_t>(d.rows) > free_memory() / 2 / row) return false;
  try {
    kept_.floats = {copy_of(d.x.floats, d.rows * inputs_), 0};
    kept_.bytes = {copy_of(d.x.bytes, d.rows * inputs_), 0};
    if (classes_) kept_.labels = {copy_of(d.labels, d.rows), 0};
    if (!classes_) kept_.targets = {copy_of(d.targets, d.rows * targets_), 0};
    kept_.weights = {copy_of(d.weights, d.rows), 0};
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::unavailable) throw;
    data_ = Arena(stream_);  // somebody was faster
    return false;
  }
  kept_rows_ = d.rows;
  return true;
}

template <typename T>
void Staging<T>::check_batch(const ExamplesOf<T>& e, Source source) const {
  if (e.rows < 1 || e.rows > rows_) fail(ErrorKind::internal, "{} rows in a batch of {}", e.rows, rows_);
  if (source_of(e) != source) fail(ErrorKind::internal, "a step with rows of several kinds");
  if (source == Source::bytes && batch_.bytes == nullptr)
    fail(ErrorKind::internal, "bytes for a program that takes floats");
  if (source == Source::kept && *std::max_element(e.chosen, e.chosen + e.rows) >= kept_rows_)
    fail(ErrorKind::internal, "a step with rows that the program doesn't keep");
}

template <typename T>
void Staging<T>::copy_rows(char*& free, std::span<const ExamplesOf<T>* const> batches,
                           const ExamplesOf<T>& one) {
  const auto send = [&](Index width, auto get, auto to) { copy(free, batches, width, get, to); };
  switch (source_of(one)) {
    case Source::kept:
      return send(
          1, [](const auto& e) { return e.chosen; }, kept_.chosen);
    case Source::bytes:
      send(
          inputs_, [](const auto& e) { return e.x.bytes; }, batch_.bytes);
      break;
    case Source::floats:
      send(
          inputs_, [](const auto& e) { return e.x.floats; }, batch_.floats);
      break;
  }
  if (classes_ && one.labels != nullptr)
    send(
        1, [](const auto& e) { return e.labels; }, batch_.labels);
  if (!classes_ && one.targets != nullptr)
    send(
        targets_, [](const auto& e) { return e.targets; }, batch_.targets);
  send(
      1, [](const auto& e) { return e.weights; }, batch_.weights);
}

template <typename T>
Source Staging<T>::send(std::span<const ExamplesOf<T>* const> batches, std::span<const StepState> states) {
  const auto found = std::find_if(batches.begin(), batches.end(), [](auto* b) { return b != nullptr; });
  if (batches.size() > most_ || found == batches.end()) fail(ErrorKind::internal, "a step without batches");
  const Source source = source_of(**found);
  for (const ExamplesOf<T>* batch : batches) {
    if (batch != nullptr) check_batch(*batch, source);
  }
  Slot& slot = slots_[next_];
  next_ = 1 - next_;
  char* free = begin(slot);
  std::memcpy(free, states.data(), states.size_bytes());
  check(cudaMemcpyAsync(batch_.state.data, free, states.size_bytes(), cudaMemcpyHostToDevice, stream_),
        "copying a step");
  free += align_up(states.size_bytes());
  copy_rows(free, batches, **found);
  check(cudaEventRecord(slot.read.get(), stream_), "marking a copy");
  return source;
}

template class Staging<NN_SCALAR>;

}  // namespace nn::backend::cuda
