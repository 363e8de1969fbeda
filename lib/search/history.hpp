// The trials so far, as columns: all that samplers and pruners know.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "search/space.hpp"

namespace nn::search {

enum class TrialState : std::uint8_t { running, complete, pruned };

// Trials in the order of their numbers. Those that failed, were not begun, or ended with what is no finite
// number are not among them: no model learns from them.
struct History {
  explicit History(std::size_t parameter_count = 0, std::size_t objectives = 1)
      : parameters(parameter_count), values(objectives) {}

  std::vector<std::uint32_t> numbers;
  std::vector<TrialState> states;
  std::vector<std::vector<double>> parameters;  // [parameter][trial]; NaN where it isn't there
  std::vector<std::vector<double>> values;      // [objective][trial], less is better; NaN while it runs
  std::vector<double> violations;               // the sum of what constraints are exceeded by; 0: none is
  // Of one that was pruned, the last step that it reported, and the value there, less being better; -1 and
  // NaN without a report.
  std::vector<double> last_steps, last_values;
  std::vector<double> seconds;  // how long it ran; NaN while it does, and where nobody knows

  std::size_t size() const { return numbers.size(); }
  void add(std::uint32_t number, TrialState state, const Point& point,
           const std::vector<double>& objective_values, double violation = 0, double last_step = -1,
           double last_value = std::numeric_limits<double>::quiet_NaN(),
           double ran_seconds = std::numeric_limits<double>::quiet_NaN());
  Point point(std::size_t trial) const;
};

}  // namespace nn::search
