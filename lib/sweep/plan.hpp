// What a run of trials is told: the command, its objectives, where it runs and when it ends.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "search/pruner.hpp"
#include "search/sampler.hpp"
#include "search/space.hpp"
#include "study/study.hpp"
#include "sweep/metrics.hpp"
#include "sweep/slot.hpp"
#include "sweep/template.hpp"

namespace nn::sweep {

// A constraint on a metric: "latency<=5".
struct Constraint {
  std::string metric;
  double limit = 0;
  bool at_most = true;  // or at least
  // Over 0 where it isn't kept.
  double exceeded_by(double value) const { return at_most ? value - limit : limit - value; }
};
Constraint parse_constraint(std::string_view text);  // usage error

// Which of its reports a trial is judged by.
enum class ValueOf : std::uint8_t { last, best };
const EnumNames<ValueOf>& enum_names(ValueOf);

// Which checkpoints of trials that nobody goes on from stay.
enum class KeepCheckpoints : std::uint8_t { all, best, none };
const EnumNames<KeepCheckpoints>& enum_names(KeepCheckpoints);

struct Plan {
  Template command;
  std::vector<study::Objective> objectives;
  std::vector<Constraint> constraints;
  search::SamplerOptions sampler;
  search::PrunerSpec pruner;  // settled
  ValueOf value_of = ValueOf::last;
  MetricSource metrics;
  std::string metric_file;
  KeepCheckpoints keep_checkpoints = KeepCheckpoints::best;
  std::string folder;             // of trials' own folders, which are trial-00012
  bool change_directory = false;  // trials start in their own
  bool mask = true;               // a trial sees its own GPU only

  std::size_t members =
      0;  // that one process trains (sweep/group.hpp); 0: each trial is a process of its own
  std::vector<bool> shared;  // by parameter: what is the same in a group of members; empty: nothing is

  std::size_t trials = SIZE_MAX;             // that finish
  std::optional<std::size_t> most_failures;  // none: a fifth of the trials, at least 5
  bool fail_fast = false;
  std::optional<double> target;  // ends when the best is as good as this
  std::size_t patience = 0;      // ends after so many trials without a better one; 0: never
  double stop_after_s = 0;       // begins no trials later than this; 0: no limit
  double timeout_s = 0;          // of a trial; 0: none
  double kill_after_s = 10;      // between SIGTERM and SIGKILL
  int retries = 3;               // of a trial that exits with 75
};

// Usage errors: a placeholder that nothing stands for, a parameter that the command doesn't use. Says where a
// parameter that isn't always there is used outside of {?…}.
void check(const Template& command, const search::Space& space);

// What a trial's placeholders stand for besides its parameters.
struct TrialPlace {
  std::uint32_t trial = 0, attempt = 1;
  std::uint64_t seed = 0;
  std::string directory;
  Slot slot;
  std::string device;  // as the command sees it
  std::optional<double> budget;
  std::string checkpoint;
  bool resumes = false;  // its checkpoint is from an earlier attempt
  // Of a group of members, numbers and seeds of all; those above are the first one's. Empty: it is alone.
  std::vector<std::uint32_t> trials = {};
  std::vector<std::uint64_t> seeds = {};
};

// The values of a group of trials, or of one. What is `shared` is the same in all.
struct GroupValues {
  std::vector<search::Point> points;
  std::vector<bool> shared = {};  // by parameter; empty: nothing is
  bool is_list(std::size_t parameter) const {
    return points.size() > 1 && (shared.empty() || !shared[parameter]);
  }
};

// The folder of a trial, in the one that all of a journal's trials have; and that one.
std::string trial_folder(const std::string& folder, std::uint32_t trial);
std::string trials_folder(const std::string& journal);
// The values that a trial has, as the space knows them; NaN where it doesn't, or the trial has none.
search::Point point_of(const search::Space& space, const study::Trial& trial);
// A value of a parameter as JSON.
std::string json_of(const search::Parameter& parameter, double value);
// What the options' sampler proposes.
study::Propose propose_by(const search::SamplerOptions& sampler);
// Of several values there is a list, with commas between them.
std::vector<std::string> words_of(const Template& command, const search::Space& space,
                                  const GroupValues& values, const TrialPlace& place);
// NN_SWEEP_TRIAL=12 and so on, and NN_PARAM_lr='"0.1"': see nn-sweep(1).
std::vector<std::string> environment_of(const search::Space& space, const GroupValues& values,
                                        const TrialPlace& place);
// Names that stand for something in every command.
const std::vector<std::string>& placeholder_names();

}  // namespace nn::sweep
