#include "backend/cuda/staging.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "base/memory.hpp"

namespace nn::cuda {

template <typename T>
Staging<T>::Staging(const Queue& queue, Arena& arena, const Plan& plan, const ProgramOptions& options)
    : stream_(queue.stream),
      rows_(options.batch),
      inputs_(plan.inputs),
      outputs_(plan.outputs),
      most_(options.training && !options.shared_batches ? static_cast<std::size_t>(queue.members) : 1),
      classes_(is_classification(plan.loss)) {
  const auto batches = static_cast<Index>(most_);
  batch_.state = arena.take_each<StepState>(queue.members, 1);
  batch_.floats = arena.take_each<T>(batches, rows_ * inputs_);
  if (options.byte_values) batch_.bytes = arena.take_each<std::uint8_t>(batches, rows_ * inputs_);
  if (classes_) {
    batch_.labels = arena.take_each<std::int32_t>(batches, rows_);
  } else {
    batch_.targets = arena.take_each<T>(batches, rows_ * outputs_);
  }
  batch_.weights = arena.take_each<T>(batches, rows_);
  if (most_ == 1) batch_ = batch_.shared();
  const auto elements = static_cast<std::size_t>(batches * rows_ * (inputs_ + outputs_ + 2));
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
void Staging<T>::check_batch(const ExamplesOf<T>& e, bool bytes) const {
  if (e.rows < 1 || e.rows > rows_) fail(ErrorKind::internal, "{} rows in a batch of {}", e.rows, rows_);
  if (bytes != (e.x.bytes != nullptr)) fail(ErrorKind::internal, "a step with both floats and bytes");
  if (bytes && batch_.bytes == nullptr) fail(ErrorKind::internal, "bytes for a program that takes floats");
}

template <typename T>
void Staging<T>::send(std::span<const ExamplesOf<T>* const> batches, std::span<const StepState> states) {
  const auto found = std::find_if(batches.begin(), batches.end(), [](auto* b) { return b != nullptr; });
  if (batches.size() > most_ || found == batches.end()) fail(ErrorKind::internal, "a step without batches");
  const ExamplesOf<T>& one = **found;
  const bool bytes = one.x.bytes != nullptr;
  for (const ExamplesOf<T>* batch : batches) {
    if (batch != nullptr) check_batch(*batch, bytes);
  }
  Slot& slot = slots_[next_];
  next_ = 1 - next_;
  char* free = begin(slot);
  std::memcpy(free, states.data(), states.size_bytes());
  check(cudaMemcpyAsync(batch_.state.data, free, states.size_bytes(), cudaMemcpyHostToDevice, stream_),
        "copying a step");
  free += align_up(states.size_bytes());
  if (bytes) {
    copy(
        free, batches, inputs_, [](const auto& e) { return e.x.bytes; }, batch_.bytes);
  } else {
    copy(
        free, batches, inputs_, [](const auto& e) { return e.x.floats; }, batch_.floats);
  }
  if (one.labels != nullptr && classes_)
    copy(
        free, batches, 1, [](const auto& e) { return e.labels; }, batch_.labels);
  if (one.targets != nullptr && !classes_)
    copy(
        free, batches, outputs_, [](const auto& e) { return e.targets; }, batch_.targets);
  copy(
      free, batches, 1, [](const auto& e) { return e.weights; }, batch_.weights);
  check(cudaEventRecord(slot.read.get(), stream_), "marking a copy");
}

template class Staging<NN_SCALAR>;

}  // namespace nn::cuda
