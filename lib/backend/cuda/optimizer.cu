#include <algorithm>
#include <vector>

#include "backend/cuda/kernels/updates.cuh"
#include "backend/cuda/optimizer.hpp"
#include "backend/update.hpp"

namespace nn::backend::cuda {

template <typename T>
Optimizing<T>::Optimizing(const Queue& queue, Arena& arena, const Plan& plan,
                          std::span<const ProgramOptions> members, Each<T> weights, Each<T> gradients,
                          Each<const StepState> state)
    : queue_(queue),
      options_(members.front()),
      size_(plan.parameter_count),
      weights_(weights),
      part_gradient_(gradients),
      gradient_(gradients),
      step_(state) {
  if (!options_.training) return;
  for (const ProgramOptions& member : members) decay_ |= member.l2 != 0;
  const Index slots = slots_of(options_.optimizer.kind);
  state_size_ = (slots + (options_.ema > 0 ? 1 : 0)) * size_;
  slots_ = arena.take_each<T>(queue.members, state_size_);
  if (options_.ema > 0) {
    average_ = slots_.from(slots * size_);
    for (std::size_t m = 0; m < members.size(); ++m) {
      check(cudaMemcpyAsync(average_.of(m), weights.of(m), static_cast<std::size_t>(size_) * sizeof(T),
                            cudaMemcpyDeviceToDevice, queue.stream),
            "copying weights");
    }
  }
  if (options_.parts > 1) gradient_ = arena.take_each<T>(queue.members, size_);
  if (options_.clip_norm > 0) {
    squares_ = arena.take_each<double>(queue.members, over_vector(size_).grid.x);
    clip_ = arena.take_each<double>(queue.members, 1);
  }
  std::vector<std::uint8_t> decays(static_cast<std::size_t>(size_ / 16));
  for (const Parameter& p : plan.parameters)
    std::fill_n(decays.begin() + p.offset / 16, (p.size() + 15) / 16, static_cast<std::uint8_t>(p.decays));
  decays_ = arena.take<std::uint8_t>(size_ / 16);
  upload(queue.stream, decays.data(), size_ / 16, decays_);
  std::vector<std::uint8_t> frozen(static_cast<std::size_t>(size_ / 16), 1);
  for (const ParameterRange& part : changing_parameters(plan))
    std::fill_n(frozen.begin() + part.first / 16, part.count / 16, std::uint8_t{0});
  if (std::find(frozen.begin(), frozen.end(), 1) == frozen.end()) return;
  frozen_ = arena.take<std::uint8_t>(size_ / 16);
  upload(queue.stream, frozen.data(), size_ / 16, frozen_);
}

template <typename T>
void Optimizing<T>::add_part() const {
  if (gradient_.data == part_gradient_.data) return;
  launch(queue_, over_vector(size_), nn::backend::cuda::add_part<T>, size_, step_, part_gradient_, gradient_);
}

template <typename T>
void Optimizing<T>::add_decay() const {
  if (!decay_) return;
  launch(queue_, over_vector(size_), nn::backend::cuda::add_decay<T>, size_, decays_, step_, weights_,
         gradient_);
}

template <typename T>
void Optimizing<T>::clip() const {
  if (clip_ == nullptr) return;
  const Shape2 shape = over_vector(size_);
  launch(queue_, shape, sum_gradient_squares<T>, size_, gradient_, squares_);
  launch(queue_, Shape2{dim3(1), dim3(256)}, find_clip, Index{shape.grid.x}, squares_, options_.clip_norm,
         clip_);
}

template <typename T>
void Optimizing<T>::update() const {
  clip();
  move();
  if (average_.data != nullptr)
    launch(queue_, over_vector(size_), move_average<T>, size_, frozen_, step_, weights_, average_);
}

template <typename T>
void Optimizing<T>::move() const {
  const Optimizer& o = options_.optimizer;
  const Each<T> second = slots_of(o.kind) > 1 ? slots_.from(size_) : nullptr;
  const Update<T> u{size_, decays_, frozen_, step_, clip_, gradient_, slots_, second, weights_};
  const Shape2 shape = over_vector(size_);
  const auto as = [](double v) { return static_cast<T>(v); };
  switch (o.kind) {
    case OptimizerKind::sgd: return launch(queue_, shape, update_sgd<T>, u);
    case OptimizerKind::momentum:
    case OptimizerKind::nesterov:
      return launch(queue_, shape, update_momentum<T>, u, as(o.momentum), o.kind == OptimizerKind::nesterov);
    case OptimizerKind::rmsprop: return launch(queue_, shape, update_rmsprop<T>, u, as(o.rho), as(o.epsilon));
    case OptimizerKind::adam:
    case OptimizerKind::adamw:
      return launch(queue_, shape, update_adam<T>, u, as(o.beta_1), as(o.beta_2), as(o.epsilon));
  }
}

template <typename T>
void Optimizing<T>::exchange_average() const {
  if (average_.data != nullptr) launch(queue_, over_vector(size_), exchange<T>, size_, weights_, average_);
}

template class Optimizing<NN_SCALAR>;

}  // namespace nn::backend::cuda
