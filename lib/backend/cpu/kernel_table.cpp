#include "backend/cpu/isa.hpp"

#define NN_JOIN_(level, scalar) level##_kernels_##scalar
#define NN_JOIN(level, scalar) NN_JOIN_(level, scalar)

namespace nn::backend::cpu {

template <>
const Kernels<NN_SCALAR>& kernels_of<NN_SCALAR>(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::v3) return NN_JOIN(v3, NN_SCALAR);
  if (isa == Isa::v4) return NN_JOIN(v4, NN_SCALAR);
#else
  static_cast<void>(isa);
#endif
  return NN_JOIN(baseline, NN_SCALAR);
}

}  // namespace nn::backend::cpu
