// A study's pruner, fed from its journal: with what is reported here, and what other runs write. For this
// module only.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "search/pruner.hpp"
#include "study/replay.hpp"

namespace nn::sweep {

// How a trial ended, for a pruner.
search::TrialEnd end_of(study::State state);

class Pruning {
 public:
  // As it is settled. Usage error where there are several objectives, of which none is more than the others.
  Pruning(const search::PrunerSpec& spec, const std::vector<study::Direction>& directions);

  // Takes what is new in the journal since the last call, in the order of trials, and tells of each decision
  // to prune one that `is_ours` and runs.
  void update(const study::StudyLog& log, const std::function<bool(std::uint32_t)>& is_ours,
              const std::function<void(const search::Decision&)>& pruned);
  // The last decision about a trial that runs.
  search::Decision last(std::uint32_t trial) const { return pruner_.last(trial); }
  bool is_on() const { return on_; }

 private:
  struct Fed {
    std::int64_t step = -1;  // the last that was told
    bool ended = false;
  };
  bool on_;
  double sign_;  // that makes less better
  search::Pruner pruner_;
  std::vector<Fed> fed_;  // by trial
  std::size_t first_open_ = 0;
};

}  // namespace nn::sweep
