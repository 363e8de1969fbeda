// Matrix products in bfloat16: weights and inputs are rounded to 8 bits of mantissa, products are
// summed in 32-bit floats. CPUs with AVX512-BF16 multiply pairs of them in one instruction; on
// others the same sums are made of 32-bit products, and only the weights' size is saved.
// Internal to the backend.
#pragma once

#include <cstdint>

#include "backend/cpu/isa.hpp"

namespace nn::backend::cpu {

// c [m, n] = start + a [m, k] b [k, n], each element one sum over k in an order that depends
// neither on m nor on the level.
struct Bf16Gemm {
  std::int64_t m = 0, n = 0, k = 0;
  const float* a = nullptr;
  std::int64_t a_row = 0;
  const std::uint32_t* b = nullptr;  // as pack() left it
  float* c = nullptr;
  std::int64_t c_row = 0;
  bool c_padded = false;           // else only n elements of a row are written
  const float* start = nullptr;    // [n], padded; null: 0
  std::uint32_t* pairs = nullptr;  // scratch: bf16_rows rows of bf16_pairs(k)
};

inline constexpr std::int64_t bf16_rows = 12;
inline constexpr std::int64_t bf16_columns = 32;  // columns are packed in multiples of this
constexpr std::int64_t bf16_pairs(std::int64_t k) { return (k + 1) / 2; }
// Elements that b [k, n] takes when packed.
constexpr std::int64_t bf16_packed_size(std::int64_t k, std::int64_t n) {
  return bf16_pairs(k) * ((n + bf16_columns - 1) / bf16_columns * bf16_columns);
}

struct Bf16Kernels {
  // b [k, n] with rows b_row apart, rounded to nearest even.
  void (*pack)(std::int64_t k, std::int64_t n, const float* b, std::int64_t b_row, std::uint32_t* packed);
  void (*gemm)(const Bf16Gemm&);
};

#define NN_DECLARE_BF16(LEVEL) extern const Bf16Kernels LEVEL##_bf16_kernels;
NN_DECLARE_BF16(baseline)
NN_DECLARE_BF16(v3)
NN_DECLARE_BF16(v4)
NN_DECLARE_BF16(v4bf16)
#undef NN_DECLARE_BF16

// For a level; with AVX512-BF16 where the level is v4 and the CPU has it.
const Bf16Kernels& bf16_kernels_of(Isa isa);
bool has_bf16_instructions();

}  // namespace nn::backend::cpu
