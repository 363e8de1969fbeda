// What pictures are made of: a study as plain columns and rows, of which drawing needs to know nothing more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "study/study.hpp"

namespace nn::chart {

inline constexpr double none = std::numeric_limits<double>::quiet_NaN();

struct Goal {
  std::string name;
  bool maximize = false;
  // Whether `a` is better than `b`.
  bool better(double a, double b) const { return maximize ? a > b : a < b; }
};

// A parameter that trials have.
struct Dimension {
  std::string name;
  bool log = false, whole = false;
  std::vector<std::string> labels = {};  // of one that has choices: values are their places
  double low = 0, high = 1;              // what was searched, and what was tried
  std::vector<double> importance = {};   // for each goal; of all dimensions together 1, or all are 0
  bool has_labels() const { return !labels.empty(); }
  std::string text_of(double value) const;
};

// Names of states, and of being paused, in the order in which people are told.
const std::vector<std::string_view>& state_names();

struct Result {
  std::uint32_t number = 0;
  study::State state = study::State::running;
  bool paused = false;                  // it runs by its state, and waits to be promoted
  bool feasible = true;                 // it keeps the constraints
  std::vector<double> values = {};      // for each goal, as people see them; NaN: there is none
  std::vector<double> parameters = {};  // for each dimension; NaN where it isn't there
  std::vector<std::pair<double, double>>
      curve;                            // steps and values that it reported, without what is not finite
  double begin_s = none, end_s = none;  // since the first trial began; of its last attempt
  std::size_t slot = 0;                 // of `slots`
  std::string reason = {};              // why it ended, where that is known
  double seconds() const { return end_s - begin_s; }
  // Whether it went a part of the way only: it was pruned, or is paused.
  bool is_part() const { return paused || state == study::State::pruned; }
  std::string_view state_name() const { return paused ? "paused" : enum_names(state).name_of(state); }
  // Complete, with all values finite and no constraint exceeded: something to choose.
  bool counts() const;
};

struct Results {
  std::string name, journal;
  std::vector<Goal> goals;  // one at least
  std::vector<Dimension> dimensions;
  std::vector<Result> trials;  // by number
  std::vector<std::string> slots;
  // How many trials there are of each state that there is one of, by its name.
  std::vector<std::pair<std::string_view, std::size_t>> counts;
  std::size_t again = 0;           // trials that had an attempt before the one that is known
  std::size_t not_finite = 0;      // reports that are no finite numbers
  std::vector<std::size_t> front;  // places of trials that no other dominates, of several goals
  std::string began, ended;        // dates of the first and the last trial, in UTC
  std::string command;             // that ran the best trial, for a shell; empty: nobody knows it

  // The study's name; one that nobody named is called after its file.
  std::string title() const;
  // Those that count, best first, by a goal; equal ones by number.
  std::vector<std::size_t> ranked(std::size_t goal) const;
  // The same of some trials, whose places ascend: where in `places` each is.
  std::vector<std::size_t> ranked_among(const std::vector<std::size_t>& places, std::size_t goal) const;
  std::optional<std::size_t> best(std::size_t goal) const;
};

// `command_of` gives the command of a trial; where the journal knows none it throws an Error, and there is
// none in the pictures.
Results results_of(study::Study& study, const std::function<std::string(std::uint32_t)>& command_of);

}  // namespace nn::chart
