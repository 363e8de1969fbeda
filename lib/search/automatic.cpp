#include "search/automatic.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace nn::search {
namespace {

// A proposal of the process may take a hundredth of a trial.
constexpr double trial_per_proposal = 100;
// So many values of a parameter are few. Where all have few, a process has steps to learn instead of slopes:
// on tables of networks that were trained on such grids it found less than Parzen estimators.
constexpr std::uint64_t few_values = 32;

// About what it takes on one core, within a factor of two; the same on each machine, so that proposals are.
double gp_seconds(std::size_t trials, std::size_t parameters) {
  return (2e-3 + 2e-4 * static_cast<double>(trials)) * (6 + static_cast<double>(parameters)) / 12;
}

// The median of those that are known; NaN where none is.
double usual_seconds(const History& history) {
  std::vector<double> known;
  for (const double seconds : history.seconds) {
    if (!std::isnan(seconds)) known.push_back(seconds);
  }
  if (known.empty()) return std::nan("");
  const auto middle = known.begin() + static_cast<std::ptrdiff_t>(known.size() / 2);
  std::nth_element(known.begin(), middle, known.end());
  return *middle;
}

}  // namespace

SamplerKind automatic_kind(const Space& space, const History& history) {
  bool any_numbers = false, only_numbers = true, all_few = true;
  for (const Parameter& parameter : space.parameters()) {
    if (parameter.is_single() && parameter.conditions.empty()) continue;
    any_numbers = true;
    all_few = all_few && parameter.count().value_or(few_values + 1) <= few_values;
    only_numbers = only_numbers && !parameter.is_categorical() && parameter.conditions.empty();
  }
  if (!any_numbers || !only_numbers || all_few || history.values.size() != 1) return SamplerKind::tpe;
  const auto complete = static_cast<std::size_t>(
      std::count(history.states.begin(), history.states.end(), TrialState::complete));
  const bool are_short = usual_seconds(history) < trial_per_proposal * gp_seconds(complete, space.size());
  if (complete < gp_trials) return are_short ? SamplerKind::tpe : SamplerKind::gp;
  const bool is_constrained =
      std::any_of(history.violations.begin(), history.violations.end(), [](double v) { return v > 0; });
  return is_constrained ? SamplerKind::tpe : SamplerKind::cmaes;
}

}  // namespace nn::search
