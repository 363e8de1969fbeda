// What can be done to a study: each is checked against all that others have done, and written, or refused.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "search/space.hpp"
#include "study/journal.hpp"
#include "study/replay.hpp"

namespace nn::study {

// A trial, and the attempt of it that its owner runs.
struct Run {
  std::uint32_t number;
  std::uint32_t attempt;
  bool operator==(const Run&) const = default;
};

// How many trials there may be.
struct Quota {
  std::size_t trials = SIZE_MAX;  // complete and pruned ones, without those taken over
  // Trials of other programs that run count so long from their start: who runs them may be dead.
  std::chrono::seconds others_for = std::chrono::hours(1);
};

// What a new attempt gets.
struct Start {
  std::string_view slot = {};
  std::uint64_t seed = 0;
  double budget = std::numeric_limits<double>::quiet_NaN();
  std::int64_t parent = -1;
  std::string_view sampler = {};  // by which the point was proposed
  std::uint64_t known = 0;        // Replay::offset() when it was
  double ttl_s = 0;               // of one that a shell asked for
  std::string_view owner = {};    // of one that a shell asked for: process_id(), or whatever tells who it is
};

// What becomes of something that somebody else may have decided meanwhile.
enum class Outcome : std::uint8_t {
  done,
  ended,      // the trial has ended already
  not_yours,  // a later attempt, or another owner, has it
};

// The value that a text, or a value of JSON, stands for; nothing where it is none of the parameter's.
std::optional<double> fixed_value(const search::Parameter& parameter, std::string_view text);

// Made by Study::commit(), for the time of the call. All of what it does is written at once, or not at all.
class Change {
 public:
  Change(Batch& batch, const Identity& identity, std::uint32_t study, const search::Space& space, Date now);

  // As it is with what was done so far.
  const StudyLog& log() const;
  Date now() const { return now_; }

  // Whether another trial may begin, or one that waits: those that have finished and those that run are
  // fewer.
  bool has_room(const Quota& quota) const;
  // The waiting trial that is first, if there is one; also Optuna's.
  const Trial* first_waiting() const;
  // Begins a new trial, of attempt 1. The point is settled. Whether it may is the caller's to ask
  // (has_room()).
  Run start(const search::Point& point, const Start& how);
  // Begins one that waits, with what was asked for in place of the point's values. Nothing where that doesn't
  // fit the space: then it has failed, and says why.
  std::optional<Run> start_waiting(std::uint32_t number, search::Point point, const Start& how);

  // A non-finite value is kept, and is no value for Optuna. `metrics_json`: an object, or empty.
  Outcome report(Run run, std::int64_t step, double value,
                 double elapsed_s = std::numeric_limits<double>::quiet_NaN(),
                 std::string_view metrics_json = {});
  // Complete needs a value for each objective, none of them NaN: with NaN it has failed, and says so. Pruned
  // takes the last finite report as its value, where there is one objective. Also of one that is paused.
  Outcome end(Run run, State state, std::vector<double> values, const Ending& ending);
  Outcome attribute(Run run, bool system, std::string_view key, std::string_view json);
  Outcome constraint(Run run, std::string_view name, double exceeded_by);
  Outcome checkpoint(Run run, const Checkpoint& checkpoint);
  // Nobody runs it from here on, until it is promoted.
  Outcome pause(Run run);
  // The next attempt, of this owner: of one that is lost, paused, or worth another try. `reason` is a word or
  // a sentence: "lost", "promoted", "exit 75". What `how` doesn't say stays; the seed always does.
  // Nothing where `expected` isn't the attempt that is current, or it has ended.
  std::optional<Run> next_attempt(Run expected, std::string_view reason, const Start& how);

  // A trial that waits, with values as texts by name, which the caller has checked (check_fixed()); its
  // number.
  std::uint32_t enqueue(const std::map<std::string, std::string>& fixed, std::int64_t parent = -1);
  // The same values and seed again, of one that has failed, as a trial that waits; its number. Where that was
  // asked for before, it is that trial. Usage error for one that hasn't failed.
  std::uint32_t retry(std::uint32_t number);
  // Those of another journal's study that have finished, have finite values and are not here already; how
  // many, and how many don't fit the space. A trial is the same where its file's name, study, number and
  // beginning are.
  struct Taken {
    std::size_t taken = 0, here_already = 0, misfits = 0;
    std::string first_misfit = {};  // why: "trial 3 has no lr"
  };
  Taken take_over(const StudyLog& other, std::string_view journal);
  void set_header(std::string_view nn_json);

 private:
  const Trial* own(Run run, Outcome& outcome, bool may_be_paused = false) const;
  Batch& batch_;
  const Identity& identity_;
  std::uint32_t study_;
  const search::Space& space_;
  Date now_;
};

}  // namespace nn::study
