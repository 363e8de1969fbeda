// Pruners end trials that don't promise much, from what all trials reported so far. This is the rule alone:
// who reports, and what becomes of a trial, is the caller's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/enum_names.hpp"

namespace nn::search {

enum class PrunerKind : std::uint8_t {
  none,
  percentile,  // worse than a part of the trials that ended were at the same step; the median among them
  threshold,   // out of limits
  patient,     // no better for a while; it may ask another pruner first
  halving,     // successive halving: at each rung the best of eta go on
  promotion,   // the same, but trials wait at a rung until they are among the best (promotion.hpp)
  hyperband,   // brackets of successive halving that begin at different rungs
  wilcoxon,    // of steps that are instances or folds: worse than the best trial by a signed-rank test
  population,  // population based training (population.hpp)
};
const EnumNames<PrunerKind>& enum_names(PrunerKind);

// A pruner as it is asked for: one struct for all kinds, of which each has its fields.
struct PrunerSpec {
  static constexpr double unlimited = std::numeric_limits<double>::infinity();
  static constexpr std::int64_t most_members = 10'000;  // of a population

  PrunerKind kind = PrunerKind::none;
  double percentile = 50;  // of trials, those that are better
  bool average = false;    // compare averages of all trials so far instead of the best with those that ended
  std::int64_t startup = 5;   // trials that must have ended before one is pruned
  std::int64_t at_least = 1;  // trials that must have reported at the step
  std::int64_t warmup = 0;    // steps up to which no trial is pruned
  std::int64_t interval = 1;  // steps between two decisions; of a population, between two comparisons
  double lower = -unlimited, upper = unlimited;  // of values as they are reported
  std::int64_t patience = 0;                     // reports that may be no better
  double delta = 0;                              // what is no better by less is as good
  std::vector<PrunerSpec> inner;                 // of patient: the one that decides then, or none
  std::int64_t least = 0, most = 0;              // steps of the first rung, and of all; 0: not said
  std::int64_t eta = 3;
  std::int64_t skip = 0;     // rungs that are left out
  bool brackets = false;     // of promotion: Hyperband's, each with rungs of its own
  std::int64_t members = 0;  // of a population; 0: as many as there are slots
  double p = 0.1;
  std::int64_t instances = 2;
  double quantile = 0.25, resample = 0.25;  // of a population: who is replaced, and what is drawn anew

  bool operator==(const PrunerSpec&) const = default;

  // NAME[:VALUE…][:KEY=VALUE…], as "percentile:25:warmup=5" and "asha:1:81:3". Usage errors.
  static PrunerSpec parse(std::string_view text);
  // What is not said of rungs comes from the steps of a whole trial, where these are known; 0: they aren't.
  // Usage errors where rungs can't be told then.
  void settle(std::int64_t whole_trial = 0);
};
std::string to_string(const PrunerSpec& spec);
// A line for each name that may stand in front, for manuals: "asha[:MIN[:MAX[:ETA]]][:skip=N][:promote]".
std::vector<std::string> pruner_forms();

// Why a trial goes on or is pruned, in numbers.
struct Decision {
  enum class Why : std::uint8_t {
    no_report,      // nothing to decide from
    late,           // it was decided before, or the trial has ended
    no_rule,        // there is no pruner
    startup,        // `count` of `least` trials have ended
    few,            // `count` of `least` trials reported at this step
    warmup,         // until `limit`
    between,        // the next decision is at step `limit`
    not_a_number,   // the value is none
    in_limits,      //
    out_of_limits,  // `limit` is the one
    percentile,     // `value` against `limit`, the percentile of `count` trials
    average,        // `value`, an average, is the `place`th of `count`
    patience,       // `value`, the best of the last reports, against `limit`, the best before
    rung,           // `value` is the `place`th of `count`, of which `kept` go on
    last_rung,      // it has passed all
    no_best,        // no trial has ended that could be compared with
    wilcoxon,       // a test's probability `value` against `limit`, over `count` instances
    mean,           // the same, but its mean, `value`, is better than that of the best, `limit`
  };
  Why why = Why::no_report;
  bool prune = false;
  std::uint32_t trial = 0;
  std::int64_t step = -1;                                                  // that the decision is about
  double value = std::numeric_limits<double>::quiet_NaN(), limit = value;  // as reported
  double percentile = 50;
  std::size_t place = 0;  // from 1
  std::size_t count = 0, least = 0, kept = 0;
  int rung = -1, bracket = -1;
  bool patient = false;  // it was asked since the trial was no better for a while
};
// "0.93 is the 9th of 27 at step 3; the best 9 go on", without a full stop.
std::string to_string(const Decision& decision);

// How a trial ended.
enum class TrialEnd : std::uint8_t { complete, pruned, failed };

// The reports of a trial, by step.
class Curve {
 public:
  // False, and nothing is changed, where the step was reported before.
  bool add(std::int64_t step, double value);
  std::size_t size() const { return steps.size(); }
  bool empty() const { return steps.empty(); }
  // Of the first `count`; NaN where none is a number.
  double best(std::size_t count) const { return count == 0 ? values_nan() : best_until[count - 1]; }
  double best() const { return best(size()); }

  std::vector<std::int64_t> steps;  // ascending
  std::vector<double> values, best_until;

 private:
  static double values_nan() { return std::numeric_limits<double>::quiet_NaN(); }
};

// One of the rules of pruner_rules.hpp.
class PruningRule {
 public:
  virtual ~PruningRule() = default;
  // After each new report; REQUIRES: the curve is not empty. Values in it are less-is-better.
  virtual Decision decide(std::uint32_t trial, const Curve& curve) = 0;
  virtual void end(std::uint32_t trial, const Curve& curve, TrialEnd how, double value);
};

// What all trials reported, and the decisions from it. Reports and ends come in the order in which they
// happened; the same sequence makes the same decisions. A trial is known by its number, which begins at 0.
// Not thread-safe.
class Pruner {
 public:
  // Values are less-is-better: with `maximize` they are the negative of what was reported, and decisions tell
  // them as they were. REQUIRES: a settled spec; of promotion or population, which are no pruners, it never
  // prunes.
  explicit Pruner(const PrunerSpec& spec, bool maximize = false);
  Pruner(std::unique_ptr<PruningRule> rule, bool maximize);

  // A report, and what follows from it. Steps are not negative. A step that was reported before, or a trial
  // that was pruned or has ended, changes nothing: the decision is the last one.
  Decision report(std::uint32_t trial, std::int64_t step, double value);
  // A report that was decided about before, by whomever: only what the journal says ended a trial.
  void add(std::uint32_t trial, std::int64_t step, double value);
  // `value` is what a complete trial ended with.
  void end(std::uint32_t trial, TrialEnd how, double value = std::numeric_limits<double>::quiet_NaN());
  // The last decision of one that runs.
  Decision last(std::uint32_t trial) const;

 private:
  struct Running {
    Curve curve;
    Decision last;
  };
  Decision decide(std::uint32_t trial, std::int64_t step, double value, bool is_final);

  std::unique_ptr<PruningRule> rule_;
  bool maximize_;
  std::unordered_map<std::uint32_t, Running> running_;
  std::vector<bool> ended_;  // by trial
};

}  // namespace nn::search
