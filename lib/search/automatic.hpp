// Which sampler a search has where nobody says. For this module only.
#pragma once

#include <cstddef>

#include "search/history.hpp"
#include "search/sampler.hpp"
#include "search/space.hpp"

namespace nn::search {

// Complete trials from which on CMA-ES goes on from what a Gaussian process found.
inline constexpr std::size_t gp_trials = 250;

// Parzen estimators where a parameter is a choice or not always there, or all have few values, for several
// objectives, and for constraints after many trials, and where a trial takes less than a hundred times what a
// proposal of a Gaussian process does; a Gaussian process for the first trials of all other searches, and
// CMA-ES behind it. The rule of OptunaHub's AutoSampler.
SamplerKind automatic_kind(const Space& space, const History& history);

}  // namespace nn::search
