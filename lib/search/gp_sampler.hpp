// Proposals by a Gaussian process: what promises the greatest improvement. Optuna's GPSampler; the logarithm
// of the expected improvement is that of Ament et al., arXiv 2310.20708. For this module only.
#pragma once

#include <vector>

#include "base/random.hpp"
#include "search/history.hpp"
#include "search/space.hpp"

namespace nn::search {

// Points to try, the best first; duplicates and what is forbidden are among them. Trials that run count as if
// they had the value that is expected; those that ended have their loss (losses.hpp), or
// its logarithm where that is likelier. Of very many trials it knows the best and the newest. None where no
// trial has ended or there is nothing to choose. REQUIRES: one objective.
std::vector<Point> gp_candidates(const Space& space, const History& history, RandomStream& random);

// The logarithm of the expected improvement over `best` of a normal distribution, and its derivatives.
struct LogImprovement {
  double value, by_mean, by_deviation;
};
LogImprovement log_expected_improvement(double mean, double deviation, double best);

}  // namespace nn::search
