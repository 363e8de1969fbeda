#include "sweep/events.hpp"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "format/event_file.hpp"

// Numbers of fields are those of event.proto, summary.proto and plugins/hparams/*.proto.
namespace nn::sweep {
namespace {

using format::event_record;
using format::ProtoMessage;

constexpr std::string_view start_tag = "_hparams_/session_start_info", end_tag = "_hparams_/session_end_info",
                           experiment_tag = "_hparams_/experiment";

enum class Type : std::uint8_t { text = 1, boolean = 2, number = 3 };  // hparams' DataType
enum class Status : std::uint8_t { success = 1, failure = 2 };         // hparams' Status

double seconds_of(study::Date date) { return std::chrono::duration<double>(date.time_since_epoch()).count(); }

double time_of(const study::Trial& trial, const study::Report& report) {
  const study::Date begun = trial.begun != study::Date{} ? trial.begun : trial.start;
  return seconds_of(begun) + (std::isfinite(report.elapsed_s) ? report.elapsed_s : 0);
}

ProtoMessage event(double time) { return ProtoMessage().real(1, time); }
std::string record(const ProtoMessage& message) { return event_record(message.bytes()); }
std::string first_record(double time) { return record(event(time).text(3, "brain.Event:2")); }

std::string scalar(double time, std::int64_t step, std::string_view tag, double value) {
  const ProtoMessage one = ProtoMessage().text(1, tag).single(2, value);
  return record(
      event(time).whole(2, static_cast<std::uint64_t>(step)).message(5, ProtoMessage().message(1, one)));
}

// What the dashboard knows beside scalars: content of its plugin, below a tag.
std::string plugin_record(double time, std::string_view tag, const ProtoMessage& content) {
  const ProtoMessage plugin = ProtoMessage().text(1, "hparams").message(2, content);
  const ProtoMessage value = ProtoMessage().text(1, tag).message(9, ProtoMessage().message(1, plugin));
  return record(event(time).message(5, ProtoMessage().message(1, value)));
}

std::optional<double> number_of(std::string_view json) {
  double value = 0;
  const auto read = std::from_chars(json.data(), json.data() + json.size(), value);
  if (read.ec != std::errc() || read.ptr != json.data() + json.size()) return std::nullopt;
  return value;
}

// A parameter has one type in all trials, or the dashboard can't sort by it.
Type type_of(const search::Parameter& parameter) {
  bool booleans = true, numbers = true;
  for (const search::Choice& choice : parameter.choices) {
    booleans = booleans && (choice.json == "true" || choice.json == "false");
    numbers = numbers && number_of(choice.json).has_value();
  }
  if (!parameter.has_choices()) return Type::number;
  return booleans ? Type::boolean : numbers ? Type::number : Type::text;
}

// google.protobuf.Value
ProtoMessage value_of(Type type, const search::Parameter& parameter, double value) {
  const std::string text = parameter.text_of(value);
  if (type == Type::boolean && (text == "true" || text == "false"))
    return ProtoMessage().whole(4, text == "true");
  if (type == Type::number) {
    if (!parameter.has_choices()) return ProtoMessage().real(2, value);
    if (const auto number = number_of(parameter.choices[static_cast<std::size_t>(value)].json))
      return ProtoMessage().real(2, *number);
  }
  return ProtoMessage().text(3, text);
}

// Of our own study the space; of another program's what its trials have first, by their own names.
std::vector<std::pair<std::string_view, const search::Parameter*>> parameters_of(const study::Study& study) {
  std::vector<std::pair<std::string_view, const search::Parameter*>> all;
  std::set<std::string_view> known;
  if (study.header() != nullptr) {
    for (const search::Parameter& p : study.space().parameters()) {
      if (known.insert(p.name).second) all.emplace_back(p.name, &p);
    }
  }
  for (const study::Trial& trial : study.log().trials) {
    for (const study::TrialParameter& p : trial.parameters) {
      if (known.insert(p.what->name).second) all.emplace_back(p.what->name, &p.what->distribution);
    }
  }
  return all;
}

ProtoMessage info_of(std::string_view name, const search::Parameter& parameter) {
  const Type type = type_of(parameter);
  ProtoMessage info;
  info.text(1, name).whole(4, static_cast<std::uint64_t>(type));
  if (!parameter.has_choices())
    return info.message(6, ProtoMessage().real(1, parameter.low).real(2, parameter.high));
  ProtoMessage list;
  for (std::size_t i = 0; i < parameter.choices.size(); ++i)
    list.message(1, value_of(type, parameter, static_cast<double>(i)));
  return info.message(5, list);
}

// Its parameter as the study has it, whose type counts in all trials.
Type type_in(const study::Study& study, const study::TrialParameter& p) {
  const auto found = study.header() != nullptr ? study.space().find(p.what->name) : std::nullopt;
  return type_of(found ? study.space().parameters()[*found] : p.what->distribution);
}

std::string start_events(const study::Study& study, const study::Trial& trial, std::string_view name) {
  const double time = seconds_of(trial.start);
  ProtoMessage start;
  for (const study::TrialParameter& p : trial.parameters) {
    start.message(1, ProtoMessage()
                         .text(1, p.what->name)
                         .message(2, value_of(type_in(study, p), p.what->distribution, p.value)));
  }
  start.text(4, name).real(5, time);
  return first_record(time) + plugin_record(time, start_tag, ProtoMessage().message(3, start));
}

}  // namespace

std::string experiment_events(const study::Study& study) {
  const study::StudyLog& log = study.log();
  const double time = log.trials.empty() ? 0 : seconds_of(log.trials.front().start);
  ProtoMessage experiment;
  experiment.real(3, time);
  for (const auto& [name, parameter] : parameters_of(study)) experiment.message(4, info_of(name, *parameter));
  for (const study::Objective& objective : study.objectives()) {
    const ProtoMessage name = ProtoMessage().text(2, objective.name);
    experiment.message(5, ProtoMessage().message(1, name).text(3, objective.name));
  }
  experiment.text(6, log.name);
  return first_record(time) + plugin_record(time, experiment_tag, ProtoMessage().message(2, experiment));
}

std::string report_events(const study::Study& study, const study::Trial& trial, const study::Report& report,
                          std::string_view metrics_json) {
  const double time = time_of(trial, report);
  std::string out = scalar(time, report.step, study.objectives()[0].name, report.value);
  const auto metrics = nlohmann::json::parse(metrics_json, nullptr, false);
  if (!metrics.is_object()) return out;
  for (const auto& [name, value] : metrics.items()) {
    if (value.is_number()) out += scalar(time, report.step, name, value.get<double>());
  }
  return out;
}

std::string end_events(const study::Study& study, const study::Trial& trial) {
  const double time = seconds_of(trial.end);
  const study::Report* last = trial.reports.empty() ? nullptr : &trial.reports.back();
  std::string out;
  const auto objectives = study.objectives();
  for (std::size_t o = 0; o < trial.values.size() && o < objectives.size(); ++o) {
    if (o == 0 && last != nullptr && last->value == trial.values[0]) continue;  // it stands there
    out += scalar(time, last != nullptr ? last->step : 0, objectives[o].name, trial.values[o]);
  }
  const Status status = trial.state == study::State::failed ? Status::failure : Status::success;
  const ProtoMessage end = ProtoMessage().whole(1, static_cast<std::uint64_t>(status)).real(2, time);
  return out + plugin_record(time, end_tag, ProtoMessage().message(4, end));
}

std::string restart_event(const study::Trial& trial, std::int64_t step) {
  constexpr std::uint64_t session_start = 1;
  return record(event(seconds_of(trial.begun))
                    .whole(2, static_cast<std::uint64_t>(step))
                    .message(7, ProtoMessage().whole(1, session_start)));
}

bool is_end_event(std::string_view content) { return content.find(end_tag) != std::string_view::npos; }

std::string trial_events(const study::Study& study, const study::Trial& trial, std::string_view name) {
  std::string out = start_events(study, trial, name);
  for (const study::Report& report : trial.reports)
    out += report_events(study, trial, report, trial.metrics_of(report));
  if (trial.is_finished()) out += end_events(study, trial);
  return out;
}

}  // namespace nn::sweep
