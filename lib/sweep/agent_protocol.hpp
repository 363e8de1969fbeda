// What a coordinator and its agents tell each other: lines of JSON, both ways. For this module only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "study/trial.hpp"
#include "sweep/metrics.hpp"
#include "sweep/slot.hpp"

namespace nn::sweep {

inline constexpr int agent_protocol = 4;
// Longer lines end a connection: commands are bounded by the system (ARG_MAX, 2 MiB).
inline constexpr std::size_t longest_message = 8 << 20;

// The descriptor of an agent that keeps the run's lock (study::Presence), where it was started with one: it
// is closed when no process of a trial is left.
inline constexpr int lock_descriptor = 3;

// To an agent.
struct StartTrial {
  std::uint32_t trial = 0;
  std::vector<std::string> words;
  std::vector<std::string> environment;  // NAME=value, over the agent's own
  std::string directory;                 // the trial's own; made if it isn't there
  std::string log;                       // of both standard output and error, appended to
  bool change_directory = false;         // it starts in its own
  Slot slot;
  bool mask = true;  // GPUs that aren't the slot's
  MetricSource metrics;
  std::string metric;       // the name of what an expression finds
  std::string metric_file;  // read when it has ended; in its directory unless it is absolute; "": none
  // What it finds at the descriptor of NN_SWEEP_CONTROL_FD from its beginning on, lines; none: it has no such
  // one.
  std::optional<std::string> control;
  std::optional<std::uint32_t> after;  // it begins when that trial has ended; at once where that doesn't run
  std::string checkpoint;              // looked at when it has ended well; "": nobody wants it
  std::optional<study::Checkpoint> from;  // that it goes on from: brought to `checkpoint` first
  bool keep_own = false;                  // unless there is one, of an attempt before this one
};
// A line at the descriptor that NN_SWEEP_CONTROL_FD names in a trial that has one. Lost where nobody reads
// it.
struct ControlTrial {
  std::uint32_t trial = 0;
  std::string line;  // without its end
};
struct SignalTrial {
  std::uint32_t trial = 0;
  int signal = 0;
};
// Whether a file is there for the agent.
struct FindFile {
  std::string path;
};
// An answer to AgentAsks; the greeting is question 1.
struct StillAlive {
  std::uint64_t question = 0;
  double lease_s = 0;
  double age_s = 0;  // of what others know of this run's life
};
using ToAgent = std::variant<StartTrial, SignalTrial, ControlTrial, FindFile, StillAlive>;

// From an agent.
struct AgentReady {
  int protocol = agent_protocol;
  std::string version, host;
  std::int64_t process = 0;
  std::vector<std::string> devices;  // for whom nothing was said of them: default_devices()
  std::string id;                    // of this agent, for one that comes after it
  bool is_alone = false;             // nothing is left of the one before it
};
struct AgentAsks {
  std::uint64_t question = 0;
};
struct TrialReport {
  std::uint32_t trial = 0;
  Report report;
};
// Not of those that an agent ends because it must end itself: they are lost with it.
struct TrialEnded {
  std::uint32_t trial = 0;
  std::optional<int> status;                    // as wait(2) has it; none: it couldn't be started
  std::string error;                            // why it couldn't
  bool temporary = false;                       // another time it may be
  bool lost_checkpoint = false;                 // it couldn't, since what it goes on from is gone
  std::optional<study::Checkpoint> checkpoint;  // that it left, with budget and value still to be told
  std::optional<double> last_number;
  double wall_s = 0, user_s = 0, system_s = 0;
  std::int64_t most_memory_kb = 0;
  std::string tail;  // the log's last lines, of one that failed
};
struct FileFound {
  std::string path;
  bool found = false;
};
using FromAgent = std::variant<AgentReady, AgentAsks, TrialReport, TrialEnded, FileFound>;

// Of a number that came from outside, within a day.
Clock::duration duration_of(double seconds);

// A line with its end.
std::string to_line(const ToAgent& message);
std::string to_line(const FromAgent& message);
// Data errors for what is no such message.
ToAgent parse_to_agent(std::string_view line);
FromAgent parse_from_agent(std::string_view line);

}  // namespace nn::sweep
