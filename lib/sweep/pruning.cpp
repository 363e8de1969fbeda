#include "sweep/pruning.hpp"

#include "base/error.hpp"

namespace nn::sweep {
search::TrialEnd end_of(study::State state) {
  return state == study::State::complete ? search::TrialEnd::complete
         : state == study::State::pruned ? search::TrialEnd::pruned
                                         : search::TrialEnd::failed;
}

Pruning::Pruning(const search::PrunerSpec& spec, const std::vector<study::Direction>& directions)
    : on_(spec.kind != search::PrunerKind::none),
      sign_(directions.at(0) == study::Direction::maximize ? -1 : 1),
      pruner_(spec, directions.at(0) == study::Direction::maximize) {
  if (!on_) return;
  if (directions.size() > 1) fail_usage("a pruner needs one objective");
}

void Pruning::update(const study::StudyLog& log, const std::function<bool(std::uint32_t)>& is_ours,
                     const std::function<void(const search::Decision&)>& pruned) {
  if (!on_) return;
  fed_.resize(log.trials.size());
  for (std::size_t t = first_open_; t < log.trials.size(); ++t) {
    const study::Trial& trial = log.trials[t];
    Fed& fed = fed_[t];
    if (fed.ended) continue;
    const bool decides = trial.state == study::State::running && is_ours(trial.number);
    for (const study::Report& report : trial.reports) {
      if (report.step <= fed.step) continue;
      fed.step = report.step;
      if (!decides) {
        pruner_.add(trial.number, report.step, sign_ * report.value);
        continue;
      }
      const search::Decision decision = pruner_.report(trial.number, report.step, sign_ * report.value);
      if (decision.prune) pruned(decision);
    }
    if (!trial.is_finished()) continue;
    fed.ended = true;
    if (trial.values.empty()) {
      pruner_.end(trial.number, end_of(trial.state));
    } else {
      pruner_.end(trial.number, end_of(trial.state), sign_ * trial.values[0]);
    }
  }
  while (first_open_ < fed_.size() && fed_[first_open_].ended) ++first_open_;
}

}  // namespace nn::sweep
