#include <fmt/format.h>

#include <cmath>
#include <cstdlib>

#include "base/json_lines.hpp"
#include "study/line.hpp"

namespace nn::study {
namespace {

// A line that is being written: members of an object, each at most once.
class Object {
 public:
  Object& raw(std::string_view key, std::string_view json) {
    text_ += text_.empty() ? '{' : ',';
    text_ += json_quoted(key);
    text_ += ':';
    text_ += json;
    return *this;
  }
  Object& text(std::string_view key, std::string_view value) { return raw(key, json_quoted(value)); }
  Object& whole(std::string_view key, std::int64_t value) { return raw(key, std::to_string(value)); }
  Object& count(std::string_view key, std::uint64_t value) { return raw(key, std::to_string(value)); }
  // Nothing is said of what isn't finite.
  Object& number(std::string_view key, double value) {
    return std::isfinite(value) ? raw(key, json_number(value)) : *this;
  }
  Object& date(std::string_view key, Date value) {
    return raw(key, value == Date{} ? "null" : json_quoted(to_string(value)));
  }
  bool empty() const { return text_.empty(); }
  std::string json() const { return text_.empty() ? "{}" : text_ + "}"; }
  std::string line() const { return text_ + "}\n"; }

 private:
  std::string text_;
};

Object begin(const Identity& who, Op op, std::string_view event) {
  Object object;
  object.count("op_code", static_cast<std::uint64_t>(op)).text("worker_id", who.worker);
  if (!event.empty()) object.text("event", event);
  return object;
}

// Infinite values of an objective are Optuna's as well; it writes them as bare words. Here they are numbers
// that no double holds, which all readers take for infinity.
std::string value_json(double value) {
  if (std::isfinite(value)) return json_number(value);
  return value > 0 ? "1e999" : "-1e999";
}

std::string values_json(const std::vector<double>& values) {
  if (values.empty()) return "null";
  std::string json;
  for (const double value : values) json += (json.empty() ? '[' : ',') + value_json(value);
  return json + "]";
}

std::string internal_json(const search::Parameter& parameter, double value) {
  return parameter.has_choices() ? std::to_string(static_cast<std::int64_t>(value)) : json_number(value);
}

Object start_object(const StartKeys& keys) {
  Object nn;
  nn.count("seed", keys.seed);
  if (!keys.sampler.empty()) nn.text("sampler", keys.sampler).count("known", keys.known);
  if (!keys.owner.empty()) nn.text("owner", keys.owner);
  if (!keys.from.empty()) nn.text("from", keys.from);
  if (keys.parent >= 0) nn.whole("parent", keys.parent);
  nn.number("budget", keys.budget);
  if (keys.ttl_s > 0) nn.number("ttl", keys.ttl_s);
  return nn;
}

std::string reports_json(const Trial* like) {
  Object reports;
  if (!like) return reports.json();
  for (const Report& report : like->reports) {
    if (std::isfinite(report.value)) reports.raw(std::to_string(report.step), json_number(report.value));
  }
  return reports.json();
}

std::string system_attributes_json(const NewTrial& trial) {
  if (!trial.system_attributes.empty()) return trial.system_attributes;
  Object attributes;
  if (trial.like) {
    for (const auto& [name, exceeded_by] : trial.like->constraints()) {
      attributes.number("constraints:" + name, exceeded_by);
    }
  }
  return attributes.json();
}

Object attempt_keys(AttemptOf run) {
  Object nn;
  if (run.attempt > 0) nn.count("k", run.attempt);
  return nn;
}

}  // namespace

std::string json_number(double value) {
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

std::string study_line(const Identity& who, std::string_view name, const std::vector<Direction>& directions,
                       std::string_view nn_json) {
  std::string list;
  for (const Direction direction : directions) {
    list += (list.empty() ? "[" : ",") + std::to_string(static_cast<int>(direction));
  }
  return begin(who, Op::create_study, "study")
      .text("study_name", name)
      .raw("directions", list + "]")
      .raw("nn", nn_json)
      .line();
}

std::string study_attribute_line(const Identity& who, std::uint32_t study, std::string_view key,
                                 std::string_view json) {
  return begin(who, Op::study_system_attribute, "study")
      .count("study_id", study)
      .raw("system_attr", Object().raw(key, json).json())
      .line();
}

std::string trial_line(const Identity& who, const NewTrial& trial) {
  Object parameters, distributions, user;
  for (const ParameterValue& p : trial.parameters) {
    parameters.raw(p.parameter->name, internal_json(*p.parameter, p.value));
    distributions.text(p.parameter->name, distribution_json(*p.parameter));
  }
  if (!trial.keys.slot.empty()) user.text("slot", trial.keys.slot);
  const char* event = trial.state == State::running   ? "start"
                      : trial.state == State::waiting ? "enqueue"
                                                      : "taken";
  Object line = begin(who, Op::create_trial, event);
  line.count("t", trial.id)
      .count("study_id", trial.study)
      .count("state", static_cast<std::uint64_t>(trial.state))
      .date("datetime_start", trial.start);
  if (is_finished(trial.state)) line.date("datetime_complete", trial.end);
  line.raw("value", trial.values.size() == 1 ? value_json(trial.values[0]) : "null")
      .raw("values", trial.values.size() == 1 ? "null" : values_json(trial.values))
      .raw("params", parameters.json())
      .raw("distributions", distributions.json())
      .raw("user_attrs", user.json())
      .raw("system_attrs", system_attributes_json(trial))
      .raw("intermediate_values", reports_json(trial.like))
      .raw("nn", start_object(trial.keys).json());
  return line.line();
}

std::string parameter_line(const Identity& who, std::uint32_t trial, const search::Parameter& parameter,
                           double value) {
  return begin(who, Op::parameter, "parameter")
      .count("trial_id", trial)
      .text("param_name", parameter.name)
      .raw("param_value_internal", internal_json(parameter, value))
      .text("distribution", distribution_json(parameter))
      .line();
}

std::string pop_line(const Identity& who, std::uint32_t trial, Date start, const StartKeys& keys) {
  return begin(who, Op::state, "start")
      .count("trial_id", trial)
      .count("state", static_cast<std::uint64_t>(State::running))
      .raw("values", "null")
      .date("datetime_start", start)
      .raw("nn", start_object(keys).json())
      .line();
}

std::string end_line(const Identity& who, AttemptOf run, State state, const std::vector<double>& values,
                     Date end, const Ending& ending) {
  Object nn = attempt_keys(run);
  if (ending.exit_status) nn.whole("exit", *ending.exit_status);
  if (!ending.reason.empty()) nn.text("reason", ending.reason);
  nn.number("wall", ending.wall_s).number("user", ending.user_s);
  if (ending.memory_kb > 0) nn.whole("rss", ending.memory_kb);
  return begin(who, Op::state, "end")
      .count("trial_id", run.trial)
      .count("state", static_cast<std::uint64_t>(state))
      .raw("values", values_json(values))
      .date("datetime_complete", end)
      .raw("nn", nn.json())
      .line();
}

std::string report_line(const Identity& who, AttemptOf run, std::int64_t step, double value, double elapsed_s,
                        std::string_view metrics_json) {
  Object nn = attempt_keys(run);
  nn.number("t", elapsed_s);
  if (!metrics_json.empty()) nn.raw("metrics", metrics_json);
  Object line = begin(who, std::isfinite(value) ? Op::report : Op::trial_user_attribute, "report");
  line.count("trial_id", run.trial);
  if (std::isfinite(value)) {
    line.whole("step", step).raw("intermediate_value", json_number(value));
  } else {
    const char* word = std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
    line.raw("user_attr", Object().text("nn.report", fmt::format("{}:{}", step, word)).json());
  }
  return line.raw("nn", nn.json()).line();
}

std::string trial_attribute_line(const Identity& who, AttemptOf run, bool system, std::string_view key,
                                 std::string_view json, std::string_view event) {
  return begin(who, system ? Op::trial_system_attribute : Op::trial_user_attribute,
               event.empty() ? "attribute" : event)
      .count("trial_id", run.trial)
      .raw(system ? "system_attr" : "user_attr", Object().raw(key, json).json())
      .raw("nn", attempt_keys(run).json())
      .line();
}

std::string attempt_line(const Identity& who, AttemptOf run, std::string_view reason, Date start,
                         const StartKeys& keys) {
  const std::string_view owner =
      keys.owner.empty() ? std::string_view(who.worker).substr(worker_prefix.size()) : keys.owner;
  Object nn;
  nn.raw("date", json_quoted(to_string(start)));
  nn.number("budget", keys.budget);
  if (keys.ttl_s > 0) nn.number("ttl", keys.ttl_s);
  if (keys.lost) nn.raw("lost", "true");
  return begin(who, Op::trial_system_attribute, "attempt")
      .count("trial_id", run.trial)
      .raw("system_attr",
           Object().text("nn.attempt", fmt::format("{} {} {}", run.attempt, owner, reason)).json())
      .raw("nn", nn.json())
      .line();
}

std::string pause_line(const Identity& who, AttemptOf run, double budget) {
  return trial_attribute_line(who, run, true, "nn.paused",
                              std::isfinite(budget) ? json_number(budget) : "null", "pause");
}

std::string checkpoint_line(const Identity& who, AttemptOf run, const Checkpoint& checkpoint) {
  Object object;
  object.text("path", checkpoint.path)
      .number("budget", checkpoint.budget)
      .count("bytes", checkpoint.bytes)
      .whole("modified_ns", checkpoint.modified_ns);
  if (!checkpoint.xxh3.empty()) object.text("xxh3", checkpoint.xxh3);
  if (std::isfinite(checkpoint.value)) object.raw("value", json_number(checkpoint.value));
  return trial_attribute_line(who, run, true, "nn.checkpoint", object.json(), "checkpoint");
}

}  // namespace nn::study
