#include "sweep/outcome.hpp"

#include <fmt/format.h>
#include <sys/wait.h>

#include <cmath>
#include <utility>

#include "base/json_lines.hpp"
#include "base/text.hpp"
#include "process/child.hpp"

namespace nn::sweep {
namespace {

constexpr std::size_t longest_line = 300;

// 128 + the signal, as a shell has it.
int exit_status_of(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

Ended begin_of(const Plan& plan, study::Run run, const Said& said, const TrialEnded& message) {
  Ended ended{.run = run};
  ended.has_steps = said.has_steps;
  ended.left = message.checkpoint;
  ended.tail = message.tail;
  ended.ending.wall_s = message.wall_s;
  ended.ending.user_s = message.user_s;
  ended.ending.memory_kb = message.most_memory_kb;
  if (message.status) ended.ending.exit_status = exit_status_of(*message.status);
  for (const Constraint& constraint : plan.constraints) {
    const auto value = said.metrics.find(constraint.metric);
    if (value != said.metrics.end())
      ended.constraints[constraint.metric] = constraint.exceeded_by(value->second);
  }
  return ended;
}

// Of an objective; `is_first` of them.
std::optional<double> value_of(const Plan& plan, const study::Objective& objective, bool is_first,
                               const Said& said, const TrialEnded& message) {
  if (is_first && plan.value_of == ValueOf::best && said.best) return said.best;
  const auto found = said.metrics.find(objective.name);
  if (found != said.metrics.end()) return found->second;
  return plan.objectives.size() == 1 ? message.last_number : std::nullopt;
}

std::string without_value(const std::string& metric, const Said& said, const TrialEnded& message) {
  std::string names;
  for (const auto& [name, unused] : said.metrics) names += (names.empty() ? "" : ", ") + name;
  std::string reason =
      fmt::format("it said nothing of {}{}", metric, names.empty() ? "" : "; only of " + names);
  if (!message.error.empty()) reason += "; " + message.error;
  return reason;
}

}  // namespace

std::optional<double> Said::take(const Report& report, const study::Objective& objective) {
  for (const auto& [name, value] : report.metrics) metrics[name] = value;
  const auto found = report.metrics.find(objective.name);
  if (found == report.metrics.end()) return std::nullopt;
  const double value = found->second;
  has_steps = has_steps || report.step.has_value();
  const bool more = objective.direction == study::Direction::maximize;
  if (std::isfinite(value) && (!best || (more ? value > *best : value < *best))) best = value;
  ++reports;
  return value;
}

void Said::go_on(const study::Trial& trial, const study::Objective& objective) {
  // Without checkpoints it begins anew, and says all again.
  if (trial.checkpoints.empty()) return;
  for (const study::Report& report : trial.reports) {
    if (!std::isfinite(report.value)) continue;
    const bool more = objective.direction == study::Direction::maximize;
    if (!best || (more ? report.value > *best : report.value < *best)) best = report.value;
  }
  if (!trial.reports.empty()) reports = trial.reports.back().step + 1;
}

Ended outcome_of(const Plan& plan, study::Run run, const Said& said, const TrialEnded& message,
                 study::State state, std::string reason) {
  Ended ended = begin_of(plan, run, said, message);
  ended.state = state;
  ended.ending.reason = std::move(reason);
  return ended;
}

Ended outcome_of(const Plan& plan, study::Run run, const Said& said, const TrialEnded& message) {
  Ended ended = begin_of(plan, run, said, message);
  if (!message.status) {
    ended.ending.reason = message.error;
    return ended;
  }
  if (*message.status != 0) {
    ended.ending.reason = process::describe_end(*message.status);
    // Whatever bytes these are, a journal and a terminal take them.
    if (!message.tail.empty())
      ended.ending.reason +=
          "; " + printable(std::string_view(message.tail).substr(message.tail.rfind('\n') + 1), longest_line);
    return ended;
  }
  std::vector<double> values;
  for (const study::Objective& objective : plan.objectives) {
    const auto value = value_of(plan, objective, values.empty(), said, message);
    if (!value) {
      ended.ending.reason = without_value(objective.name, said, message);
      return ended;
    }
    values.push_back(*value);
  }
  // Else a name that is misspelled would be a limit that all keep.
  for (const Constraint& constraint : plan.constraints) {
    if (said.metrics.contains(constraint.metric)) continue;
    ended.ending.reason = without_value(constraint.metric, said, message);
    return ended;
  }
  ended.values = std::move(values);
  for (const double value : ended.values) {
    if (std::isfinite(value)) continue;
    ended.ending.reason = fmt::format("its value is {}", value);
    if (std::isnan(value)) return ended;
  }
  ended.state = study::State::complete;
  return ended;
}

std::string json_of(const std::map<std::string, double, std::less<>>& metrics, std::string_view but) {
  std::string out = "{";
  for (const auto& [name, value] : metrics) {
    if (name != but && std::isfinite(value)) add_json(out, name, value);
  }
  return out + "}";
}

}  // namespace nn::sweep
