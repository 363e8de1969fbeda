// What trials are worth to models of one objective. For this module only.
#pragma once

#include <cstddef>
#include <vector>

#include "search/history.hpp"

namespace nn::search {

struct TrialLoss {
  std::size_t trial;  // its place in the history
  double loss;        // less is better; finite
};

// Of trials that ended, in their order. Those that were pruned have their last value, but no better than the
// median of the complete ones and no worse than the worst; those that exceed constraints are as bad as the
// worst. REQUIRES: one objective.
std::vector<TrialLoss> losses_of(const History& history);

}  // namespace nn::search
