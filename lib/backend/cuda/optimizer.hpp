// The end of a training step: gradients of all parts become an update of the weights.
// Internal to the backend.
#pragma once

#include <span>

#include "backend/cuda/runtime.hpp"
#include "backend/cuda/step_state.hpp"
#include "backend/update.hpp"
#include "nn/plan.hpp"

namespace nn::backend::cuda {

// Sets what an update has of this step of a member.
inline void fill_state(const ProgramOptions& options, double learning_rate, std::uint64_t step,
                       StepState& state) {
  const Optimizer& o = options.optimizer;
  const bool adam = o.kind == OptimizerKind::adam || o.kind == OptimizerKind::adamw;
  state.rate = adam ? adam_rate(o, learning_rate, step) : learning_rate;
  state.shrink = o.kind == OptimizerKind::adamw ? 1 - learning_rate * o.weight_decay : 1;
  state.average_decay = average_decay(options.ema, step);
  state.l2 = options.l2;
  state.smoothing = options.label_smoothing;
  state.seed = options.seed;
}

template <typename T>
class Optimizing {
 public:
  // For training programs; in others only state_size() may be called, and is 0.
  Optimizing(const Queue& queue, Arena& arena, const Plan& plan, std::span<const ProgramOptions> members,
             Each<T> weights, Each<T> gradients, Each<const StepState> state);

  // The following queue kernels only.
  void add_part() const;   // after each part
  void add_decay() const;  // after the last one
  void update() const;     // clip, update, moving average
  void exchange_average() const;

  Index state_size() const { return state_size_; }
  Each<T> state() const { return slots_; }
  Each<const T> gradient() const { return gradient_; }  // with all parts

 private:
  void clip() const;
  void move() const;

  Queue queue_;
  ProgramOptions options_;  // of the first member, as those of all of them but for what is in StepState
  Index size_, state_size_ = 0;
  bool decay_ = false;  // whether any member has L2
  Each<T> weights_, part_gradient_, gradient_, slots_, average_;
  std::uint8_t *decays_ = nullptr, *frozen_ = nullptr;  // of each 16 parameters
  Each<double> squares_, clip_;
  Each<const StepState> step_;
};

}  // namespace nn::backend::cuda
