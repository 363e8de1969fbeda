// The end of a training step: gradients of all parts become an update of the weights.
// Internal to the backend.
#pragma once

#include "backend/cuda/runtime.hpp"
#include "backend/cuda/step_state.hpp"

namespace nn::cuda {

template <typename T>
class Optimizing {
 public:
  // Of training programs; of others nothing is called but state_size(), which is 0 there.
  Optimizing(cudaStream_t stream, Arena& arena, const Plan& plan, const ProgramOptions& options, T* weights,
             T* gradients, const StepState* state);

  // Sets what the update has of this step.
  void describe(double learning_rate, std::uint64_t step, StepState& state) const;

  // The following queue kernels only.
  void add_part() const;   // after each part
  void add_decay() const;  // after the last one
  void update() const;     // clip, update, moving average
  void exchange_average() const;

  Index state_size() const { return state_size_; }
  T* state() const { return slots_; }
  const T* gradient() const { return gradient_; }  // with all parts

 private:
  void clip() const;
  void move() const;

  cudaStream_t stream_;
  ProgramOptions options_;
  Index size_, state_size_ = 0;
  T *weights_, *part_gradient_, *gradient_;
  T *slots_ = nullptr, *average_ = nullptr;
  std::uint8_t* decays_ = nullptr;
  double *squares_ = nullptr, *clip_ = nullptr;
  const StepState* step_;
};

}  // namespace nn::cuda
