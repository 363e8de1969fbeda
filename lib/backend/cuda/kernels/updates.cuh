// Optimiser updates over whole parameter blocks, as Keras defines them.
#pragma once

#include "backend/cuda/kernels/threads.cuh"
#include "backend/cuda/step_state.hpp"

namespace nn::backend::cuda {

// The arguments of an update. Parameters lie at multiples of 16; `decays` says which of those blocks
// belong to kernels, `frozen` which ones stay as they are.
template <typename T>
struct Update {
  Index count;
  const std::uint8_t *decays, *frozen;  // frozen: null where none is
  Each<const StepState> state;
  Each<const double> clip;  // factor of the gradient; null: 1
  Each<const T> gradient;
  Each<T> first, second;  // slots
  Each<T> weights;

  // f(i, gradient, rate) for each weight of a member that takes part.
  template <typename F>
  __device__ __forceinline__ void apply(F f) const {
    const T rate = static_cast<T>(state->rate), factor = clip != nullptr ? static_cast<T>(*clip) : T{1};
    if (!state->active) return;
    for_each(count, [&](Index i) {
      if (frozen == nullptr || frozen[i / 16] == 0) f(i, gradient[i] * factor, rate);
    });
  }
};

// sum = gradient, or += it behind the first part.
template <typename T>
__global__ void add_part(Index count, Each<const StepState> state, Each<const T> gradient, Each<T> sum) {
  const bool first = state->part == 0;
  if (!state->has_part) return;
  for_each(count, [&](Index i) { sum[i] = first ? gradient[i] : sum[i] + gradient[i]; });
}

template <typename T>
__global__ void add_decay(Index count, const std::uint8_t* decays, Each<const StepState> state,
                          Each<const T> weights, Each<T> gradient) {
  const T l2 = static_cast<T>(state->l2);
  if (l2 == 0) return;
  for_each(count, [&](Index i) {
    if (decays[i / 16] != 0) gradient[i] += l2 * weights[i];
  });
}

// Blocks of 256.
template <typename T>
__global__ void sum_gradient_squares(Index count, Each<const T> gradient, Each<double> sums) {
  double sum = 0;
  for_each(count, [&](Index i) {
    const double g = static_cast<double>(gradient[i]);
    sum += g * g;
  });
  sum = block_sum(sum);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

// One block of 256. `clip`: what the gradient is multiplied by.
static __global__ void find_clip(Index count, Each<const double> sums, double most, Each<double> clip) {
  double sum = 0;
  for (Index i = threadIdx.x; i < count; i += blockDim.x) sum += sums[i];
  sum = block_sum(sum);
  const double norm = sqrt(sum);
  if (threadIdx.x == 0) *clip = norm > most ? most / norm : 1;
}

template <typename T>
__global__ void update_sgd(Update<T> u) {
  u.apply([&](Index i, T g, T rate) { u.weights[i] -= rate * g; });
}

template <typename T>
__global__ void update_momentum(Update<T> u, T momentum, bool nesterov) {
  u.apply([&](Index i, T g, T rate) {
    const T push = rate * g;
    const T moved = momentum * u.first[i] - push;
    u.first[i] = moved;
    u.weights[i] += nesterov ? momentum * moved - push : moved;
  });
}

template <typename T>
__global__ void update_rmsprop(Update<T> u, T rho, T epsilon) {
  u.apply([&](Index i, T g, T rate) {
    const T square = rho * u.first[i] + (1 - rho) * g * g;
    u.first[i] = square;
    u.weights[i] -= rate * g / sqrt(square + epsilon);
  });
}

// The rate has the correction of the bias.
template <typename T>
__global__ void update_adam(Update<T> u, T beta_1, T beta_2, T epsilon) {
  const T shrink = static_cast<T>(u.state->shrink);
  u.apply([&](Index i, T g, T rate) {
    const T m = u.first[i] + (g - u.first[i]) * (1 - beta_1);
    const T v = u.second[i] + (g * g - u.second[i]) * (1 - beta_2);
    const T w = u.decays[i / 16] != 0 ? u.weights[i] * shrink : u.weights[i];
    u.first[i] = m;
    u.second[i] = v;
    u.weights[i] = w - rate * m / (sqrt(v) + epsilon);
  });
}

template <typename T>
__global__ void move_average(Index count, const std::uint8_t* frozen, Each<const StepState> state,
                             Each<const T> weights, Each<T> average) {
  const T kept = static_cast<T>(state->average_decay), taken = static_cast<T>(1 - state->average_decay);
  if (!state->active) return;
  for_each(count, [&](Index i) {
    if (frozen == nullptr || frozen[i / 16] == 0) average[i] = kept * average[i] + taken * weights[i];
  });
}

template <typename T>
__global__ void exchange(Index count, Each<T> a, Each<T> b) {
  for_each(count, [&](Index i) {
    const T v = a[i];
    a[i] = b[i];
    b[i] = v;
  });
}

}  // namespace nn::backend::cuda
