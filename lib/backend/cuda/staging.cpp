#include "backend/cuda/staging.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "base/memory.hpp"

namespace nn::cuda {

template <typename T>
Staging<T>::Staging(cudaStream_t stream, Arena& arena, const Plan& plan, Index batch, bool bytes)
    : stream_(stream),
      rows_(batch),
      inputs_(plan.inputs),
      outputs_(plan.outputs),
      classes_(is_classification(plan.loss)) {
  batch_.state = arena.take<StepState>(1);
  batch_.floats = arena.take<T>(batch * inputs_);
  if (bytes) batch_.bytes = arena.take<std::uint8_t>(batch * inputs_);
  if (classes_) {
    batch_.labels = arena.take<std::int32_t>(batch);
  } else {
    batch_.targets = arena.take<T>(batch * outputs_);
  }
  batch_.weights = arena.take<T>(batch);
  const auto elements = static_cast<std::size_t>(batch * (inputs_ + outputs_ + 2));
  for (Slot& slot : slots_) {
    slot.memory = make_pinned(elements * sizeof(T) + sizeof(StepState) + 8 * alignment);
    slot.read = make_event();
  }
}

template <typename T>
char* Staging<T>::begin(Slot& slot) {
  if (slot.used) check(cudaEventSynchronize(slot.read.get()), "waiting for a copy");
  slot.used = true;
  return static_cast<char*>(slot.memory.get());
}

template <typename T>
template <typename E>
void Staging<T>::copy(char*& free, const E* from, Index count, E* to) {
  const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(E);
  if (from != nullptr) std::memcpy(free, from, bytes);
  check(cudaMemcpyAsync(to, free, bytes, cudaMemcpyHostToDevice, stream_), "copying a batch");
  free += align_up(bytes);
}

template <typename T>
void Staging<T>::send(const ExamplesOf<T>& e, const StepState& state) {
  if (e.rows < 1 || e.rows > rows_) fail(ErrorKind::internal, "{} rows in a batch of {}", e.rows, rows_);
  if (e.x.bytes != nullptr && batch_.bytes == nullptr)
    fail(ErrorKind::internal, "bytes for a program that takes floats");
  Slot& slot = slots_[next_];
  next_ = 1 - next_;
  char* free = begin(slot);
  copy(free, &state, 1, batch_.state);
  if (e.x.bytes != nullptr) {
    copy(free, e.x.bytes, e.rows * inputs_, batch_.bytes);
  } else {
    copy(free, e.x.floats, e.rows * inputs_, batch_.floats);
  }
  if (e.labels != nullptr && classes_) copy(free, e.labels, e.rows, batch_.labels);
  if (e.targets != nullptr && !classes_) copy(free, e.targets, e.rows * outputs_, batch_.targets);
  if (e.weights == nullptr) std::fill_n(reinterpret_cast<T*>(free), e.rows, T{1});
  copy(free, e.weights, e.rows, batch_.weights);
  check(cudaEventRecord(slot.read.get(), stream_), "marking a copy");
}

template class Staging<NN_SCALAR>;

}  // namespace nn::cuda
