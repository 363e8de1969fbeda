#include "search/pruner.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "search/pruner_rules.hpp"

namespace nn::search {
namespace {

class NoRule : public PruningRule {
 public:
  Decision decide(std::uint32_t, const Curve&) override { return {.why = Decision::Why::no_rule}; }
};

// The limits of others are steps and probabilities.
bool limit_is_value(Decision::Why why) {
  return why != Decision::Why::between && why != Decision::Why::warmup && why != Decision::Why::wilcoxon;
}

double turned(double value, bool maximize) { return maximize && value != 0 ? -value : value; }

}  // namespace

bool Curve::add(std::int64_t step, double value) {
  const auto after = std::lower_bound(steps.begin(), steps.end(), step);
  if (after != steps.end() && *after == step) return false;
  const auto place = after - steps.begin();
  steps.insert(after, step);
  values.insert(values.begin() + place, value);
  best_until.resize(steps.size());
  for (auto i = static_cast<std::size_t>(place); i < size(); ++i) {
    best_until[i] = std::fmin(i == 0 ? values_nan() : best_until[i - 1], values[i]);
  }
  return true;
}

void PruningRule::end(std::uint32_t, const Curve&, TrialEnd, double) {}

std::unique_ptr<PruningRule> make_rule(const PrunerSpec& spec, bool maximize) {
  const Intervals intervals{spec.warmup, spec.interval};
  switch (spec.kind) {
    case PrunerKind::percentile:
      if (spec.average) return std::make_unique<AverageRule>(spec);
      return std::make_unique<PercentileRule>(spec, maximize);
    case PrunerKind::threshold:
      if (maximize) return std::make_unique<ThresholdRule>(-spec.upper, -spec.lower, intervals);
      return std::make_unique<ThresholdRule>(spec.lower, spec.upper, intervals);
    case PrunerKind::patient:
      return std::make_unique<PatientRule>(static_cast<std::size_t>(spec.patience), spec.delta,
                                           spec.inner.empty() ? nullptr : make_rule(spec.inner[0], maximize));
    case PrunerKind::halving: return std::make_unique<HalvingRule>(spec);
    case PrunerKind::hyperband: return std::make_unique<HyperbandRule>(spec);
    case PrunerKind::wilcoxon: return std::make_unique<WilcoxonRule>(spec);
    case PrunerKind::none:
    case PrunerKind::promotion:
    case PrunerKind::population: break;
  }
  return std::make_unique<NoRule>();
}

Pruner::Pruner(const PrunerSpec& spec, bool maximize) : Pruner(make_rule(spec, maximize), maximize) {}

Pruner::Pruner(std::unique_ptr<PruningRule> rule, bool maximize)
    : rule_(std::move(rule)), maximize_(maximize) {}

Decision Pruner::report(std::uint32_t trial, std::int64_t step, double value) {
  return decide(trial, step, value, true);
}

void Pruner::add(std::uint32_t trial, std::int64_t step, double value) { decide(trial, step, value, false); }

Decision Pruner::decide(std::uint32_t trial, std::int64_t step, double value, bool is_final) {
  if (trial < ended_.size() && ended_[trial]) return {.why = Decision::Why::late, .trial = trial};
  Running& running = running_[trial];
  if (running.last.prune || !running.curve.add(step, value)) return running.last;
  Decision decision = rule_->decide(trial, running.curve);
  decision.trial = trial;
  if (decision.step < 0) decision.step = running.curve.steps.back();
  if (decision.why != Decision::Why::wilcoxon) decision.value = turned(decision.value, maximize_);
  if (limit_is_value(decision.why)) decision.limit = turned(decision.limit, maximize_);
  running.last = decision;
  if (!is_final) running.last.prune = false;
  return decision;
}

void Pruner::end(std::uint32_t trial, TrialEnd how, double value) {
  if (trial >= ended_.size()) ended_.resize(trial + std::size_t{1});
  if (ended_[trial]) return;
  ended_[trial] = true;
  const auto found = running_.find(trial);
  rule_->end(trial, found == running_.end() ? Curve() : found->second.curve, how, value);
  if (found != running_.end()) running_.erase(found);
}

Decision Pruner::last(std::uint32_t trial) const {
  const auto found = running_.find(trial);
  if (found != running_.end()) return found->second.last;
  const bool has_ended = trial < ended_.size() && ended_[trial];
  return {.why = has_ended ? Decision::Why::late : Decision::Why::no_report, .trial = trial};
}

}  // namespace nn::search
