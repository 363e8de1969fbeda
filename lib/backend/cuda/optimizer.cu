#include <algorithm>
#include <vector>

#include "backend/cuda/kernels/updates.cuh"
#include "backend/cuda/optimizer.hpp"
#include "backend/update.hpp"

namespace nn::cuda {

template <typename T>
Optimizing<T>::Optimizing(cudaStream_t stream, Arena& arena, const Plan& plan, const ProgramOptions& options,
                          T* weights, T* gradients, const StepState* state)
    : stream_(stream),
      options_(options),
      size_(plan.parameter_count),
      weights_(weights),
      part_gradient_(gradients),
      gradient_(gradients),
      step_(state) {
  if (!options.training) return;
  const Index slots = slots_of(options.optimizer.kind);
  state_size_ = (slots + (options.ema > 0 ? 1 : 0)) * size_;
  slots_ = arena.take<T>(state_size_);
  if (options.ema > 0) {
    average_ = slots_ + slots * size_;
    check(cudaMemcpyAsync(average_, weights, static_cast<std::size_t>(size_) * sizeof(T),
                          cudaMemcpyDeviceToDevice, stream),
          "copying weights");
  }
  if (options.parts > 1) gradient_ = arena.take<T>(size_);
  if (options.clip_norm > 0) {
    squares_ = arena.take<double>(over_vector(size_).grid.x);
    clip_ = arena.take<double>(1);
  }
  std::vector<std::uint8_t> decays(static_cast<std::size_t>(size_ / 16));
  for (const Parameter& p : plan.parameters)
    std::fill_n(decays.begin() + p.offset / 16, (p.size() + 15) / 16, static_cast<std::uint8_t>(p.decays));
  decays_ = arena.take<std::uint8_t>(size_ / 16);
  upload(stream, decays.data(), size_ / 16, decays_);
}

template <typename T>
void Optimizing<T>::describe(double learning_rate, std::uint64_t step, StepState& state) const {
  const Optimizer& o = options_.optimizer;
  const bool adam = o.kind == OptimizerKind::adam || o.kind == OptimizerKind::adamw;
  state.rate = adam ? adam_rate(o, learning_rate, step) : learning_rate;
  state.shrink = o.kind == OptimizerKind::adamw ? 1 - learning_rate * o.weight_decay : 1;
  state.average_decay = average_decay(options_.ema, step);
}

template <typename T>
void Optimizing<T>::add_part() const {
  if (gradient_ == part_gradient_) return;
  launch(stream_, over_vector(size_), nn::cuda::add_part<T>, size_, step_, part_gradient_, gradient_);
}

template <typename T>
void Optimizing<T>::add_decay() const {
  if (options_.l2 == 0) return;
  launch(stream_, over_vector(size_), nn::cuda::add_decay<T>, size_, decays_, static_cast<T>(options_.l2),
         weights_, gradient_);
}

template <typename T>
void Optimizing<T>::clip() const {
  if (clip_ == nullptr) return;
  const Shape2 shape = over_vector(size_);
  launch(stream_, shape, sum_gradient_squares<T>, size_, gradient_, squares_);
  launch(stream_, Shape2{dim3(1), dim3(256)}, find_clip, Index{shape.grid.x}, squares_, options_.clip_norm,
         clip_);
}

template <typename T>
void Optimizing<T>::update() const {
  clip();
  move();
  if (average_ != nullptr)
    launch(stream_, over_vector(size_), move_average<T>, size_, step_, weights_, average_);
}

template <typename T>
void Optimizing<T>::move() const {
  const Optimizer& o = options_.optimizer;
  const Update<T> u{size_, decays_, step_, clip_, gradient_, slots_, slots_ + size_, weights_};
  const Shape2 shape = over_vector(size_);
  const auto as = [](double v) { return static_cast<T>(v); };
  switch (o.kind) {
    case OptimizerKind::sgd: return launch(stream_, shape, update_sgd<T>, u);
    case OptimizerKind::momentum:
    case OptimizerKind::nesterov:
      return launch(stream_, shape, update_momentum<T>, u, as(o.momentum), o.kind == OptimizerKind::nesterov);
    case OptimizerKind::rmsprop:
      return launch(stream_, shape, update_rmsprop<T>, u, as(o.rho), as(o.epsilon));
    case OptimizerKind::adam:
    case OptimizerKind::adamw:
      return launch(stream_, shape, update_adam<T>, u, as(o.beta_1), as(o.beta_2), as(o.epsilon));
  }
}

template <typename T>
void Optimizing<T>::exchange_average() const {
  if (average_ != nullptr) launch(stream_, over_vector(size_), exchange<T>, size_, weights_, average_);
}

template class Optimizing<NN_SCALAR>;

}  // namespace nn::cuda
