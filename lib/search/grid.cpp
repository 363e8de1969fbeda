#include "search/grid.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace nn::search {
namespace {

constexpr int most_decimals = 17;
constexpr double close = 1e-9;  // of a step

// How many decimals a number has that somebody wrote; more than most_decimals where it is none of those.
int decimals_of(double value) {
  for (int decimals = 0; decimals <= most_decimals; ++decimals) {
    if (std::strtod(fmt::format("{:.{}f}", value, decimals).c_str(), nullptr) == value) return decimals;
  }
  return most_decimals + 1;
}

double grid_value(double low, double step, double k) {
  const double value = low + k * step;
  const int decimals = std::max(decimals_of(low), decimals_of(step));
  if (decimals == 0 || decimals > most_decimals) return value;
  return std::strtod(fmt::format("{:.{}f}", value, decimals).c_str(), nullptr);
}

}  // namespace

double grid_end(double low, double high, double step) {
  const double steps = (high - low) / step;
  const double whole = std::floor(steps + close);
  return std::min(grid_value(low, step, whole), high);
}

double snapped(const Parameter& parameter, double value) {
  if (parameter.has_choices() || parameter.step == 0) return value;
  const double last = std::round((parameter.high - parameter.low) / parameter.step);
  const double k = std::clamp(std::round((value - parameter.low) / parameter.step), 0.0, last);
  return grid_value(parameter.low, parameter.step, k);
}

bool is_on_grid(const Parameter& parameter, double value) {
  return std::abs(snapped(parameter, value) - value) <= close * parameter.step;
}

}  // namespace nn::search
