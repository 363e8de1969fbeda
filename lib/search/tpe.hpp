// Tree-structured Parzen estimators, as Optuna 5 has them: trials are split into good and bad ones, and what
// is likely among the good and not among the bad is tried next. Bergstra et al., "Algorithms for
// hyper-parameter optimization", NIPS 2011; Watanabe, arXiv 2304.11127. For this module only.
#pragma once

#include <cstddef>
#include <vector>

#include "base/random.hpp"
#include "search/history.hpp"
#include "search/parzen.hpp"
#include "search/sampler.hpp"
#include "search/space.hpp"

namespace nn::search {

// Places in the history, in its order.
struct TpeSplit {
  std::vector<std::size_t> below, above;  // good, and the others
};

// The best `count` are below: complete ones by their values (several objectives: by rank of domination, and
// then by the volume that they cover), behind them pruned ones by how far they came and their value there,
// behind them those that exceed constraints, by how much. Those that run are above, as if they were bad, so
// that what is proposed meanwhile keeps away from them.
TpeSplit split_trials(const History& history, std::size_t count);
// How many are below, of as many trials that ended.
std::size_t count_below(std::size_t ended, std::size_t objectives, TpeVariant variant);
// Of trials by age, the oldest first, and the prior's behind them.
std::vector<double> age_weights(std::size_t trials);

// The model of one split, for any of the groups.
class Tpe {
 public:
  // Neither is copied.
  Tpe(const Space& space, const History& history, TpeVariant variant = TpeVariant::optuna);

  // Values for the parameters of a group, those likeliest to be good first, each once. They are on grids but
  // for rounding.
  std::vector<std::vector<double>> candidates(const std::vector<std::size_t>& group,
                                              RandomStream& random) const;
  // Parameters that are proposed together: the space's groups, or with several objectives each by itself.
  std::vector<std::vector<std::size_t>> groups() const;

 private:
  ParzenEstimator estimator(const std::vector<std::size_t>& group, const std::vector<std::size_t>& trials,
                            bool good) const;
  std::vector<double> weights(const std::vector<std::size_t>& trials, bool good) const;

  const Space& space_;
  const History& history_;
  TpeVariant variant_;
  TpeSplit split_;
};

}  // namespace nn::search
