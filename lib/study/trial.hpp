// What a journal knows of a trial.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/enum_names.hpp"
#include "study/distribution.hpp"

namespace nn::study {

// The calendar's time, as journals have it; Date{} is none.
using Date = std::chrono::sys_time<std::chrono::microseconds>;

// The numbers are those of Optuna's journals.
enum class State : std::uint8_t { running = 0, complete = 1, pruned = 2, failed = 3, waiting = 4 };
const EnumNames<State>& enum_names(State);
inline constexpr std::size_t state_count = 5;
constexpr bool is_finished(State state) { return state != State::running && state != State::waiting; }

enum class Direction : std::uint8_t { minimize = 1, maximize = 2 };
const EnumNames<Direction>& enum_names(Direction);

// A value as the trial's own distribution has it: the number, or the place among its choices.
struct TrialParameter {
  const KnownParameter* what;  // of the Replay
  double value;
  std::string text() const { return what->distribution.text_of(value); }
};

// What a trial said of itself at a step. Of several reports of one step the last one counts.
struct Report {
  std::int64_t step;
  double value;                    // not a finite number: what the trial said
  double elapsed_s;                // since the attempt began; NaN where nobody said it
  std::uint32_t metrics_at, size;  // in Trial::metrics
};

struct Attribute {
  std::string_view key;  // of the Replay
  bool system;           // or the user's
  std::string json;
};

// A checkpoint that is complete: what is promoted or cloned comes from such a record only.
struct Checkpoint {
  std::string path;
  double budget = 0;  // the resource that it has used up: epochs, of nn-train
  std::uint64_t bytes = 0;
  std::int64_t modified_ns = 0;
  std::string xxh3 = {};                                    // of its bytes, in hexadecimal; may be empty
  double value = std::numeric_limits<double>::quiet_NaN();  // what the objective was by then; NaN: not said
};

// How a trial ended, as nn-sweep tells it; of others' trials nothing of it is known.
struct Ending {
  std::optional<int> exit_status;  // 128 + the signal, of a process that was killed
  std::string reason;              // a sentence
  double wall_s = std::numeric_limits<double>::quiet_NaN();
  double user_s = std::numeric_limits<double>::quiet_NaN();
  std::int64_t memory_kb = 0;  // at most; 0: not known
};

// Texts and parameters that it points to live as long as the Replay that it is of.
struct Trial {
  std::uint32_t number = 0;  // in its study
  std::uint32_t id = 0;      // over all studies of the journal
  State state = State::running;
  bool paused = false;  // it runs by its state, and nobody runs it: it waits to be promoted
  // Attempts count from 1. 0: it isn't nn-sweep that runs it, and nobody but who does may end it or claim it.
  std::uint32_t attempt = 0;
  std::uint32_t header = 0;  // which of its study's headers was said when the attempt began
  std::uint32_t lost = 0;    // attempts whose owner died
  std::string_view owner;    // the run that has it (presence.hpp), or had it last; empty: nobody of ours
  std::string_view worker;   // who made it, as journals name workers
  std::string_view slot;     // "h2/cuda:1"
  std::string_view sampler;  // that proposed it; empty: it was given, or is somebody else's
  std::uint64_t seed = 0;    // what nn-sweep gave it
  std::uint64_t known = 0;   // the bytes of the journal that were known when it was proposed
  std::int64_t parent = -1;  // the trial that it goes on from, or is tried again
  double budget = std::numeric_limits<double>::quiet_NaN();  // of the attempt; NaN: none
  double ttl_s =
      0;  // asked for by a shell: lost so long after its last sign of life; 0: its owner has a lease
  Date start{}, end{};
  Date begun{}, last_sign{};  // this attempt, and its last report
  std::string_view from;      // taken over from another journal: "old.jsonl:study#12"

  std::vector<TrialParameter> parameters;
  std::vector<double> values;  // for each objective, as people see them; empty until it ends, or if it failed
  std::vector<Report> reports;  // by step
  std::vector<Attribute> attributes;
  std::vector<Checkpoint> checkpoints;
  std::string metrics;  // of all reports
  Ending ending;

  // How long it ran, by its process or else by its dates; NaN while it does, and where nobody knows.
  double seconds() const;
  bool is_finished() const { return study::is_finished(state); }
  // Neither NaN nor infinite, all of them: something to learn from.
  bool has_finite_values() const;
  const TrialParameter* find(std::string_view parameter) const;
  const Attribute* find_attribute(std::string_view key, bool system) const;
  // What else was reported with it, an object of JSON; empty where there is nothing.
  std::string_view metrics_of(const Report& report) const {
    return std::string_view(metrics).substr(report.metrics_at, report.size);
  }
  // By name, what each constraint is exceeded by; not over 0 where it is kept.
  std::map<std::string, double, std::less<>> constraints() const;
  // The sum of those over 0.
  double violation() const;
  // Where it is waiting: the values that were asked for, by name, as texts. Others are proposed.
  std::map<std::string, std::string, std::less<>> fixed_parameters() const;
};

// "2026-11-28T15:12:48.874207+00:00". Reading takes any offset, Z, and fewer digits, as ISO 8601 allows;
// nothing where it is none.
std::string to_string(Date date);
std::optional<Date> parse_date(std::string_view text);
double seconds_between(Date begin, Date end);

}  // namespace nn::study
