#include "nn/initialise.hpp"

#include <algorithm>
#include <cmath>

#include "base/random.hpp"

namespace nn {
namespace {

constexpr double embedding_limit = 0.05;

void fill_uniform(RandomStream& random, double limit, std::span<float> values) {
  for (float& value : values) value = static_cast<float>((2 * random.uniform() - 1) * limit);
}

void fill_normal(RandomStream& random, double variance, std::span<float> values) {
  for (float& value : values) value = static_cast<float>(std::sqrt(variance) * random.normal());
}

void fill_kernel(const Parameter& p, KernelInitializer kind, RandomStream& random, std::span<float> values) {
  using Kind = KernelInitializer;
  const auto fan_in = static_cast<double>(p.fan_in), fan_out = static_cast<double>(p.fan_out);
  double variance = 0;
  switch (kind) {
    case Kind::glorot_uniform:
    case Kind::glorot_normal: variance = 2 / (fan_in + fan_out); break;
    case Kind::he_uniform:
    case Kind::he_normal: variance = 2 / fan_in; break;
    case Kind::lecun_uniform:
    case Kind::lecun_normal: variance = 1 / fan_in; break;
  }
  const bool uniform =
      kind == Kind::glorot_uniform || kind == Kind::he_uniform || kind == Kind::lecun_uniform;
  if (uniform) {
    fill_uniform(random, std::sqrt(3 * variance), values);
  } else {
    fill_normal(random, variance, values);
  }
}

}  // namespace

const EnumNames<KernelInitializer>& enum_names(KernelInitializer) {
  using Kind = KernelInitializer;
  static constexpr EnumName<Kind> table[] = {
      {Kind::glorot_uniform, "glorot_uniform"}, {Kind::glorot_normal, "glorot_normal"},
      {Kind::he_uniform, "he_uniform"},         {Kind::he_normal, "he_normal"},
      {Kind::lecun_uniform, "lecun_uniform"},   {Kind::lecun_normal, "lecun_normal"}};
  static constexpr EnumNames<Kind> names{"an initializer", table};
  return names;
}

void initialise(const Plan& plan, std::uint64_t seed, std::span<float> parameters,
                KernelInitializer kernels) {
  std::fill(parameters.begin(), parameters.end(), 0.0f);
  for (std::size_t i = 0; i < plan.parameters.size(); ++i) {
    const Parameter& p = plan.parameters[i];
    RandomStream random(seed, RandomUse::initialise, i);
    const auto values =
        parameters.subspan(static_cast<std::size_t>(p.offset), static_cast<std::size_t>(p.size()));
    switch (p.initializer) {
      case Initializer::constant:
        std::fill(values.begin(), values.end(), static_cast<float>(p.initial));
        break;
      case Initializer::kernel: fill_kernel(p, kernels, random, values); break;
      case Initializer::embedding: fill_uniform(random, embedding_limit, values); break;
    }
  }
}

}  // namespace nn
