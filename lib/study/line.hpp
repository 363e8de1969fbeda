// Lines of a journal, as Optuna's JournalFileBackend has them, with keys of our own beside its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "study/trial.hpp"

namespace nn::study {

// Longer lines and deeper nesting are nobody's: such a line is bad.
inline constexpr std::size_t max_line_bytes = std::size_t{16} << 20;
inline constexpr std::size_t max_nesting = 32;

enum class Op : std::uint8_t {
  create_study = 0,
  delete_study = 1,
  study_user_attribute = 2,
  study_system_attribute = 3,
  create_trial = 4,
  parameter = 5,
  state = 6,
  report = 7,
  trial_user_attribute = 8,
  trial_system_attribute = 9,
  discard_trials = 10  // Rustuna's: without effect here, as in Optuna
};

// A line taken apart. Texts are pieces of the line, or of `unescaped`: they last until the next parse() into
// the same object or the end of the line's bytes.
struct Line {
  struct Value {
    std::string_view name;
    double value;
  };
  struct Text {
    std::string_view name, text;
  };
  struct AttributeText {
    std::string_view key, json;
    bool system;
  };

  Op op{};
  std::string_view worker;
  std::optional<std::uint64_t> study, trial, check;  // check: "t", the number that a new trial must get
  std::string_view study_name;
  std::vector<std::uint64_t> directions;
  std::optional<std::uint64_t> state;
  std::vector<double> values;
  std::vector<Value> parameters;
  std::vector<Text> distributions;
  std::vector<AttributeText> attributes;
  bool has_distributions = false;
  std::string_view start, end;  // dates; empty: null, or none
  std::vector<std::pair<std::int64_t, double>> reports;
  std::string_view parameter, distribution;
  double value = 0;
  std::optional<std::int64_t> step;
  std::string_view nn;   // our own object, as JSON; empty: none
  bool is_ours = false;  // its worker is an nn-sweep

  std::deque<std::string> unescaped;
  // Most trials have the distributions of the one before: `distributions` are pieces of this, and as they
  // were where it is the same.
  std::string distributions_json;
  std::deque<std::string> distributions_unescaped;
  std::uint64_t distributions_version = 0;
};

// Reads it without its end of line. Nothing is said where all is well; else what is wrong. Takes time and
// memory in proportion. NaN, Infinity and -Infinity, which Python writes, are numbers.
std::optional<std::string> parse_line(std::string_view text, Line& line);

// What "nn" says, by the ops that have it. Texts as those of Line.
struct OwnKeys {
  std::optional<std::uint64_t> attempt;  // "k": of an end, a report and all else that an attempt says
  // Of the beginning of a trial, or of an attempt.
  std::optional<std::uint64_t> seed, known;
  std::string_view sampler, owner, from, date;
  std::int64_t parent = -1;
  double budget = std::numeric_limits<double>::quiet_NaN();
  double ttl_s = 0;
  bool lost = false;  // the attempt before had an owner, who died
  // Of a report.
  double elapsed_s = std::numeric_limits<double>::quiet_NaN();  // "t"
  std::string_view metrics;                                     // an object
  // Of an end.
  Ending ending;
};
// False where it isn't well-formed: then nothing of it counts.
bool parse_own_keys(std::string_view json, OwnKeys& keys, std::deque<std::string>& unescaped);

// What journals are written with: each is one line with its end, compact, with the shortest numbers that read
// back as the same. Numbers that are not finite never stand in it as a bare word.
struct Identity {
  std::string worker;  // "nn-sweep/" and the run's id
};
inline constexpr std::string_view worker_prefix = "nn-sweep/";

struct ParameterValue {
  const search::Parameter* parameter;
  double value;
};
// What is said where a trial begins, or an attempt of it.
struct StartKeys {
  std::uint64_t seed = 0, known = 0;
  std::string_view slot, sampler, owner, from;  // empty: nothing is said; the owner is the worker
  std::int64_t parent = -1;
  double budget = std::numeric_limits<double>::quiet_NaN();
  double ttl_s = 0;
  bool lost = false;
};
struct NewTrial {
  std::uint32_t study, id;  // id: the number that it gets, over all studies
  State state = State::running;
  Date start{}, end{};
  std::vector<double> values;  // of one that has ended
  std::vector<ParameterValue> parameters;
  const Trial* like = nullptr;    // whose reports and constraints it has: one that is taken over
  std::string system_attributes;  // an object of JSON; empty: none but what `like` has
  StartKeys keys;
};

std::string study_line(const Identity& who, std::string_view name, const std::vector<Direction>& directions,
                       std::string_view nn_json);
std::string study_attribute_line(const Identity& who, std::uint32_t study, std::string_view key,
                                 std::string_view json);  // of the system's
std::string trial_line(const Identity& who, const NewTrial& trial);
std::string parameter_line(const Identity& who, std::uint32_t trial, const search::Parameter& parameter,
                           double value);
// A waiting trial runs.
std::string pop_line(const Identity& who, std::uint32_t trial, Date start, const StartKeys& keys);
// `run`: its id, and the attempt; 0: it has none.
struct AttemptOf {
  std::uint32_t trial, attempt;
};
std::string end_line(const Identity& who, AttemptOf run, State state, const std::vector<double>& values,
                     Date end, const Ending& ending);
// A value that isn't finite becomes an attribute, which Optuna keeps and doesn't plot.
std::string report_line(const Identity& who, AttemptOf run, std::int64_t step, double value, double elapsed_s,
                        std::string_view metrics_json);
std::string trial_attribute_line(const Identity& who, AttemptOf run, bool system, std::string_view key,
                                 std::string_view json, std::string_view event = {});
std::string attempt_line(const Identity& who, AttemptOf run, std::string_view reason, Date start,
                         const StartKeys& keys);
std::string pause_line(const Identity& who, AttemptOf run, double budget);
std::string checkpoint_line(const Identity& who, AttemptOf run, const Checkpoint& checkpoint);

// A number as Python would have it: 1.0, 1e-05. `value` is finite.
std::string json_number(double value);

}  // namespace nn::study
