// Division by numbers that are known before a kernel starts: a multiplication, an addition and a
// shift (Granlund & Montgomery 1994, "Division by invariant integers using multiplication", section 4).
#pragma once

#include "backend/cuda/dialect.cuh"

namespace nn::backend::cuda {

// Divides numbers below 2^31.
struct Divisor {
  unsigned value = 1, factor = 1, shift = 0;

  Divisor() = default;
  explicit Divisor(std::int64_t by) : value(static_cast<unsigned>(by)) {
    while ((std::uint64_t{1} << shift) < value) ++shift;
    const std::uint64_t above = (std::uint64_t{1} << shift) - value;
    factor = static_cast<unsigned>((above << 32) / value + 1);
  }
  __device__ __forceinline__ unsigned quotient(unsigned n) const {
    return (__umulhi(n, factor) + n) >> shift;
  }
  __device__ __forceinline__ unsigned remainder(unsigned n) const { return n - quotient(n) * value; }
};

}  // namespace nn::backend::cuda
