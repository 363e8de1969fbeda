#include "backend/cpu/bf16.hpp"

namespace nn::backend::cpu {

bool has_bf16_instructions() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

const Bf16Kernels& bf16_kernels_of(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::v3) return v3_bf16_kernels;
  if (isa == Isa::v4) return has_bf16_instructions() ? v4bf16_bf16_kernels : v4_bf16_kernels;
#else
  static_cast<void>(isa);
#endif
  return baseline_bf16_kernels;
}

}  // namespace nn::backend::cpu
