// Which parameters matter, from trials alone.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "search/history.hpp"
#include "search/space.hpp"

namespace nn::search {

// PED-ANOVA: how much the distribution of a parameter among the best tenth of the complete trials differs
// from that among all. Watanabe et al., arXiv 2304.10255, and 2601.20800 for parameters that are not always
// there. A number for each parameter of the space, at least 0 and of any sum; all are 0 for less than two
// trials. The numbers are Optuna 5's. An ordinal is compared as a choice, which it is in a journal.
// `objective` says what is best; without it, of several objectives, nearness to the Pareto front.
std::vector<double> importances(const Space& space, const History& history,
                                std::optional<std::size_t> objective = std::nullopt);

}  // namespace nn::search
