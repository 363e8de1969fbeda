// What became of a trial, from what it said and how its process ended. For this module only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "study/study.hpp"
#include "sweep/agent_protocol.hpp"
#include "sweep/plan.hpp"

namespace nn::sweep {

// What a trial has said of itself so far.
struct Said {
  std::map<std::string, double, std::less<>> metrics;  // the last of each
  std::optional<double> best;                          // of the first objective
  std::int64_t reports = 0;                            // of the first objective
  bool has_steps = false;                              // it said a step itself

  // Takes a report; its value of the first objective, where it has one.
  std::optional<double> take(const Report& report, const study::Objective& objective);
  // What an attempt before this one has said counts as well; steps that aren't said follow the last one.
  void go_on(const study::Trial& trial, const study::Objective& objective);
};

// How it ended, as a journal gets it.
struct Ended {
  study::Run run{};
  study::State state = study::State::failed;
  std::vector<double> values = {};
  study::Ending ending = {};
  std::map<std::string, double> constraints = {};  // what each is exceeded by
  bool has_steps = false;                          // of what it said
  std::optional<study::Checkpoint> left = {};      // without budget and value
  std::string tail = {};                           // of one that failed: the last lines of what it printed
};

// Of one that ended by itself, what its status, its last values and the last number that it printed make of
// it.
Ended outcome_of(const Plan& plan, study::Run run, const Said& said, const TrialEnded& message);
// Of one that was told to end: `state`, for `reason`.
Ended outcome_of(const Plan& plan, study::Run run, const Said& said, const TrialEnded& message,
                 study::State state, std::string reason);

// Metrics as an object of JSON, without those that JSON has no words for and without `but`.
std::string json_of(const std::map<std::string, double, std::less<>>& metrics, std::string_view but);

}  // namespace nn::sweep
