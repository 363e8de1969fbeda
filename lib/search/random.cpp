#include "search/random.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "search/grid.hpp"
#include "search/normal.hpp"

namespace nn::search {
namespace {

constexpr double half = 0.5;  // of a whole number's cell

double in_range(const Parameter& parameter, double value) {
  return std::clamp(value, parameter.low, parameter.high);
}

double normal_at(const Parameter& parameter, double u) {
  const bool log = parameter.is_log();
  const auto deviations = [&](double end) {
    return ((log ? std::log(end) : end) - parameter.mean) / parameter.deviation;
  };
  const double z = truncated_normal_quantile(u, deviations(parameter.low), deviations(parameter.high));
  const double value = parameter.mean + z * parameter.deviation;
  return in_range(parameter, log ? std::exp(value) : value);
}

double log_at(double low, double high, double u) {
  return std::exp(std::log(low) + u * (std::log(high) - std::log(low)));
}

}  // namespace

double value_at(const Parameter& parameter, double u) {
  const auto& p = parameter;
  switch (p.kind) {
    case ParameterKind::choice:
    case ParameterKind::ordinal:
    case ParameterKind::constant: {
      const auto choices = static_cast<double>(p.choices.size());
      return std::min(std::floor(u * choices), choices - 1);
    }
    case ParameterKind::normal:
    case ParameterKind::lognormal: return normal_at(p, u);
    case ParameterKind::uniform: return in_range(p, p.low + u * (p.high - p.low));
    case ParameterKind::loguniform: return in_range(p, log_at(p.low, p.high, u));
    case ParameterKind::intlog: return in_range(p, std::round(log_at(p.low - half, p.high + half, u)));
    case ParameterKind::quniform:
    case ParameterKind::integer: {
      const auto count = static_cast<double>(*p.count());
      return snapped(p, p.low + std::min(std::floor(u * count), count - 1) * p.step);
    }
  }
  return p.low;
}

Point random_point(const Space& space, RandomStream& random) {
  Point point(space.size(), std::numeric_limits<double>::quiet_NaN());
  for (const std::size_t p : space.order()) {
    // A number is drawn for each, also where it isn't there, so that the others don't depend on that.
    const double u = random.uniform();
    if (space.is_active(p, point)) point[p] = value_at(space.parameters()[p], u);
  }
  space.settle(point);
  return point;
}

}  // namespace nn::search
