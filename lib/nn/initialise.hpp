// The first weights of a network.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/enum_names.hpp"
#include "nn/plan.hpp"

namespace nn {

// How kernels begin, by Keras' names. With fans i and o of a kernel, the variance is
//   glorot   2 / (i + o)  (Glorot & Bengio 2010, equation 16)
//   he       2 / i        (He et al. 2015, equation 10)
//   lecun    1 / i        (LeCun et al. 1998, section 4.6)
// of a uniform or a normal distribution around 0.
enum class KernelInitializer : std::uint8_t {
  glorot_uniform,
  glorot_normal,
  he_uniform,
  he_normal,
  lecun_uniform,
  lecun_normal
};
const EnumNames<KernelInitializer>& enum_names(KernelInitializer);

// Fills the block (plan.parameter_count floats, overwritten; padding 0). Biases are 0, embeddings uniform
// within 0.05 around 0, as Keras has them. The same seed gives the same values everywhere.
void initialise(const Plan& plan, std::uint64_t seed, std::span<float> parameters,
                KernelInitializer kernels = KernelInitializer::glorot_uniform);

}  // namespace nn
