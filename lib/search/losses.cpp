#include "search/losses.hpp"

#include <algorithm>
#include <cmath>

namespace nn::search {

std::vector<TrialLoss> losses_of(const History& history) {
  std::vector<double> feasible;
  for (std::size_t t = 0; t < history.size(); ++t) {
    if (history.states[t] == TrialState::complete && !(history.violations[t] > 0)) {
      feasible.push_back(history.values[0][t]);
    }
  }
  std::sort(feasible.begin(), feasible.end());
  const bool any = !feasible.empty();
  std::vector<TrialLoss> losses;
  for (std::size_t t = 0; t < history.size(); ++t) {
    if (history.states[t] == TrialState::running) continue;
    const bool is_complete = history.states[t] == TrialState::complete;
    double loss = is_complete ? history.values[0][t] : history.last_values[t];
    if (!std::isfinite(loss)) continue;
    if (any && !is_complete) loss = std::clamp(loss, feasible[feasible.size() / 2], feasible.back());
    if (history.violations[t] > 0) loss = any ? feasible.back() : history.violations[t];
    losses.push_back({t, loss});
  }
  return losses;
}

}  // namespace nn::search
