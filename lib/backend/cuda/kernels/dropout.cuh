// Dropout with the numbers that it has on a CPU. They are made anew for the backward pass, which
// costs less than keeping them.
#pragma once

#include "backend/cuda/kernels/threads.cuh"
#include "backend/cuda/step_state.hpp"

namespace nn::backend::cuda {

struct Drop {
  std::uint32_t stream, limit;  // what is drawn below it is dropped
  Each<const StepState> state;
};

// Philox4x32-10 (see base/random.hpp): word `element % 4` of block `element / 4`.
__device__ inline std::uint32_t philox_word(const Drop& d, std::uint64_t seed, std::uint64_t step,
                                            Index element) {
  std::uint32_t c0 = static_cast<std::uint32_t>(element / 4), c1 = d.stream;
  std::uint32_t c2 = static_cast<std::uint32_t>(step), c3 = static_cast<std::uint32_t>(step >> 32);
  std::uint32_t k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53} * c0, p1 = std::uint64_t{0xCD9E8D57} * c2;
    c0 = static_cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
    c1 = static_cast<std::uint32_t>(p1);
    c2 = static_cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c3 = static_cast<std::uint32_t>(p0);
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  const std::uint32_t low = element % 2 == 0 ? c0 : c1, high = element % 2 == 0 ? c2 : c3;
  return element % 4 < 2 ? low : high;
}

// y = x where it is kept, times `keep`; or y += that.
template <typename T>
__global__ void drop_rows(Drop d, T keep, Index rows, Index columns, Each<const T> x, Index x_row, Each<T> y,
                          Index y_row, bool accumulate) {
  const std::uint64_t seed = d.state->seed, step = d.state->step;
  for_elements(rows, columns, [&](Index i, Index j) {
    const T factor = philox_word(d, seed, step, i * columns + j) < d.limit ? T{0} : keep;
    const T v = x[i * x_row + j] * factor;
    T& out = y[i * y_row + j];
    out = accumulate ? out + v : v;
  });
}

}  // namespace nn::backend::cuda
