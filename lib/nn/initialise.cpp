#include <algorithm>
#include <cmath>

#include "base/random.hpp"
#include "nn/plan.hpp"

namespace nn {
namespace {

constexpr double embedding_limit = 0.05;

void fill_uniform(RandomStream& random, double limit, std::span<float> values) {
  for (float& value : values) value = static_cast<float>((2 * random.uniform() - 1) * limit);
}

void fill_normal(RandomStream& random, double variance, std::span<float> values) {
  for (float& value : values) value = static_cast<float>(std::sqrt(variance) * random.normal());
}

void scale_variance(const Parameter& p, RandomStream& random, std::span<float> values) {
  const auto fan_in = static_cast<double>(p.fan_in);
  const auto fan_out = static_cast<double>(p.fan_out);
  switch (p.activation) {
    case Activation::relu:
    case Activation::leaky_relu:
    case Activation::elu:
    case Activation::gelu:
    case Activation::softplus: return fill_normal(random, 2.0 / fan_in, values);
    case Activation::selu: return fill_normal(random, 1.0 / fan_in, values);
    default: return fill_uniform(random, std::sqrt(6.0 / (fan_in + fan_out)), values);
  }
}

}  // namespace

void initialise(const Plan& plan, std::uint64_t seed, std::span<float> parameters) {
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
      case Initializer::variance_scaling: scale_variance(p, random, values); break;
      case Initializer::embedding: fill_uniform(random, embedding_limit, values); break;
    }
  }
}

}  // namespace nn
