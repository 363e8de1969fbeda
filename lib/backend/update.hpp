// The numbers that an update takes, the same on every device. Internal to the backends; nvcc reads
// it as well.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "backend/backend.hpp"

namespace nn::backend {

// Values that it keeps for each weight.
inline int slots_of(OptimizerKind kind) {
  switch (kind) {
    case OptimizerKind::sgd: return 0;
    case OptimizerKind::adam:
    case OptimizerKind::adamw: return 2;
    default: return 1;
  }
}

// The learning rate of Adam with the correction of its bias (Kingma & Ba 2015, section 2).
inline double adam_rate(const Optimizer& o, double learning_rate, std::uint64_t step) {
  const double t = static_cast<double>(step) + 1;
  return learning_rate * std::sqrt(1 - std::pow(o.beta_2, t)) / (1 - std::pow(o.beta_1, t));
}

// The decay of the moving average, see Program::exchange_average().
inline double average_decay(double ema, std::uint64_t step) {
  const double t = static_cast<double>(step);
  return std::min(ema, (1 + t) / (10 + t));
}

}  // namespace nn::backend
