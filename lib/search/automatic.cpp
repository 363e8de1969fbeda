#include "search/automatic.hpp"

#include <algorithm>

namespace nn::search {

SamplerKind automatic_kind(const Space& space, const History& history) {
  bool any_numbers = false, only_numbers = true;
  for (const Parameter& parameter : space.parameters()) {
    if (parameter.is_single() && parameter.conditions.empty()) continue;
    any_numbers = true;
    only_numbers = only_numbers && !parameter.is_categorical() && parameter.conditions.empty();
  }
  if (!any_numbers || !only_numbers || history.values.size() != 1) return SamplerKind::tpe;
  const auto complete = static_cast<std::size_t>(
      std::count(history.states.begin(), history.states.end(), TrialState::complete));
  if (complete < gp_trials) return SamplerKind::gp;
  const bool is_constrained =
      std::any_of(history.violations.begin(), history.violations.end(), [](double v) { return v > 0; });
  return is_constrained ? SamplerKind::tpe : SamplerKind::cmaes;
}

}  // namespace nn::search
