// The way of a batch to the device: by pinned memory in two places, so that one is filled while
// the other is read. Internal to the backend.
#pragma once

#include <array>

#include "backend/cuda/runtime.hpp"
#include "backend/cuda/step_state.hpp"
#include "nn/plan.hpp"

namespace nn::cuda {

template <typename T>
struct InputsOf {
  InputsOf(const T* values = nullptr) : floats(values) {}
  InputsOf(const std::uint8_t* values) : bytes(values) {}
  const T* floats = nullptr;
  const std::uint8_t* bytes = nullptr;
};

template <typename T>
struct ExamplesOf {
  Index rows = 0;
  InputsOf<T> x;
  const std::int32_t* labels = nullptr;
  const T* targets = nullptr;
  const T* weights = nullptr;
};

// What a batch has on the device. Null: the loss doesn't take it.
template <typename T>
struct Batch {
  StepState* state = nullptr;
  T* floats = nullptr;
  std::uint8_t* bytes = nullptr;  // null: inputs are never bytes
  std::int32_t* labels = nullptr;
  T *targets = nullptr, *weights = nullptr;
};

template <typename T>
class Staging {
 public:
  Staging(cudaStream_t stream, Arena& arena, const Plan& plan, Index batch, bool bytes);

  const Batch<T>& batch() const { return batch_; }
  // Queues the copies. Labels and the like may be missing where no loss is asked for; without
  // weights all are 1.
  void send(const ExamplesOf<T>& examples, const StepState& state);

 private:
  struct Slot {
    PinnedBlock memory;
    Event read;  // when the device has all of it
    bool used = false;
  };
  template <typename E>
  void copy(char*& free, const E* from, Index count, E* to);
  char* begin(Slot& slot);

  cudaStream_t stream_;
  Index rows_, inputs_, outputs_;
  bool classes_;
  Batch<T> batch_;
  std::array<Slot, 2> slots_;
  std::size_t next_ = 0;
};

}  // namespace nn::cuda
