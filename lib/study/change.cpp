#include "study/change.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.hpp"
#include "base/json_cursor.hpp"
#include "base/json_lines.hpp"
#include "base/text.hpp"
#include "study/columns.hpp"

namespace nn::study {
namespace {

StartKeys keys_of(const Start& how) {
  StartKeys keys;
  keys.seed = how.seed;
  keys.known = how.known;
  keys.slot = how.slot;
  keys.sampler = how.sampler;
  keys.owner = how.owner;
  keys.parent = how.parent;
  keys.budget = how.budget;
  keys.ttl_s = how.ttl_s;
  return keys;
}

// The middle, of what nobody gave and nobody proposed.
double middle(const search::Parameter& p) {
  if (p.has_choices()) return 0;
  const double value = p.is_log() ? std::sqrt(p.low * p.high) : p.low + (p.high - p.low) / 2;
  if (p.step == 0) return value;
  const double snapped = p.low + std::round((value - p.low) / p.step) * p.step;
  return p.contains(snapped) ? snapped : p.low;
}

std::string external_json(const search::Parameter& p, double value) {
  if (p.has_choices()) return p.choices[static_cast<std::size_t>(value)].json;
  const bool is_whole = p.kind == search::ParameterKind::integer || p.kind == search::ParameterKind::intlog;
  return is_whole ? fmt::format("{:.0f}", value) : json_number(value);
}

// Why a trial is no point of the space.
std::string misfit(const search::Space& space, const Trial& trial) {
  for (const search::Parameter& p : space.parameters()) {
    const TrialParameter* has = trial.find(p.name);
    if (has == nullptr && p.conditions.empty() && !p.is_single())
      return fmt::format("trial {} has no {}", trial.number, p.name);
    if (has != nullptr && std::isnan(ValueMap(has->what->distribution, p)(has->value))) {
      return fmt::format("trial {}: {} is {}, which is none of {}", trial.number, p.name,
                         printable(has->text()), to_string(p, space));
    }
  }
  return fmt::format("trial {} lacks a parameter", trial.number);
}

std::string base_name(std::string_view path) { return std::string(path.substr(path.rfind('/') + 1)); }

}  // namespace

std::optional<double> fixed_value(const search::Parameter& parameter, std::string_view text) {
  if (const auto value = parameter.value_of(text)) return value;
  for (std::size_t c = 0; c < parameter.choices.size(); ++c) {
    if (parameter.choices[c].json == text) return static_cast<double>(c);
  }
  return std::nullopt;
}

Change::Change(Batch& batch, const Identity& identity, std::uint32_t study, const search::Space& space,
               Date now)
    : batch_(batch), identity_(identity), study_(study), space_(space), now_(now) {}

const StudyLog& Change::log() const { return batch_.replay().studies()[study_]; }

bool Change::has_room(const Quota& quota) const {
  std::size_t running = 0;
  for (const std::uint32_t number : log().running) {
    const Trial& trial = log().trials[number];
    // One of somebody else that began long ago may be dead, and nobody will ever know.
    const bool is_fresh = trial.attempt > 0 || now_ - trial.start < quota.others_for;
    if (is_fresh) ++running;
  }
  return log().finished() + running < quota.trials;
}

const Trial* Change::first_waiting() const {
  return log().waiting.empty() ? nullptr : &log().trials[*log().waiting.begin()];
}

Run Change::start(const search::Point& point, const Start& how) {
  NewTrial trial;
  trial.study = study_;
  trial.id = batch_.replay().trial_ids();
  trial.start = now_;
  trial.keys = keys_of(how);
  for (std::size_t p = 0; p < space_.size(); ++p) {
    if (!std::isnan(point[p])) trial.parameters.push_back({&space_.parameters()[p], point[p]});
  }
  batch_.add(trial_line(identity_, trial));
  return {log().trials.back().number, 1};
}

std::optional<Run> Change::start_waiting(std::uint32_t number, search::Point point, const Start& how) {
  const Trial& trial = log().trials[number];
  std::string misfit;
  for (const auto& [name, text] : trial.fixed_parameters()) {
    const auto p = space_.find(name);
    if (!p) continue;  // Optuna leaves out what nobody asks for, too
    const auto value = fixed_value(space_.parameters()[*p], text);
    if (!value) misfit = fmt::format("{}={} is none of its values", name, printable(text));
    point[*p] = value.value_or(point[*p]);
  }
  for (const std::size_t p : space_.order()) {
    if (std::isnan(point[p]) && space_.is_active(p, point)) point[p] = middle(space_.parameters()[p]);
    if (!space_.is_active(p, point)) point[p] = std::numeric_limits<double>::quiet_NaN();
  }
  batch_.add(pop_line(identity_, trial.id, now_, keys_of(how)));
  if (!misfit.empty()) {
    Ending ending;
    ending.reason = misfit;
    batch_.add(end_line(identity_, {trial.id, 1}, State::failed, {}, now_, ending));
    return std::nullopt;
  }
  for (std::size_t p = 0; p < space_.size(); ++p) {
    if (!std::isnan(point[p]))
      batch_.add(parameter_line(identity_, trial.id, space_.parameters()[p], point[p]));
  }
  if (!how.slot.empty()) {
    batch_.add(trial_attribute_line(identity_, {trial.id, 1}, false, "slot", json_quoted(how.slot)));
  }
  return Run{number, 1};
}

// Null, and why, where the attempt isn't the current one of a trial that runs.
const Trial* Change::own(Run run, Outcome& outcome, bool may_be_paused) const {
  if (run.number >= log().trials.size()) fail_usage("there is no trial {}", run.number);
  const Trial& trial = log().trials[run.number];
  outcome = trial.is_finished() ? Outcome::ended : Outcome::done;
  if (outcome == Outcome::done && (trial.state != State::running || trial.attempt != run.attempt ||
                                   trial.attempt == 0 || (trial.paused && !may_be_paused))) {
    outcome = Outcome::not_yours;
  }
  return outcome == Outcome::done ? &trial : nullptr;
}

Outcome Change::report(Run run, std::int64_t step, double value, double elapsed_s,
                       std::string_view metrics_json) {
  Outcome outcome;
  if (const Trial* trial = own(run, outcome)) {
    batch_.add(report_line(identity_, {trial->id, run.attempt}, step, value, elapsed_s, metrics_json));
  }
  return outcome;
}

Outcome Change::end(Run run, State state, std::vector<double> values, const Ending& ending) {
  Outcome outcome;
  const Trial* trial = own(run, outcome, true);
  if (!trial) return outcome;
  Ending said = ending;
  if (state == State::complete) {
    if (values.size() != log().directions.size()) {
      fail_usage("trial {} has {} values, and the study {} objectives", run.number, values.size(),
                 log().directions.size());
    }
    const auto nan = std::find_if(values.begin(), values.end(), [](double v) { return std::isnan(v); });
    if (nan != values.end()) {
      const auto names = log().objective_names();
      const auto o = static_cast<std::size_t>(nan - values.begin());
      said.reason = fmt::format("{} is not a number", names.empty() ? "its value" : printable(names[o]));
      state = State::failed;
    }
  }
  if (state != State::complete) values.clear();
  if (state == State::pruned && log().directions.size() == 1) {
    const auto last = std::find_if(trial->reports.rbegin(), trial->reports.rend(),
                                   [](const Report& r) { return std::isfinite(r.value); });
    if (last != trial->reports.rend()) values = {last->value};
  }
  batch_.add(end_line(identity_, {trial->id, run.attempt}, state, values, now_, said));
  return outcome;
}

Outcome Change::attribute(Run run, bool system, std::string_view key, std::string_view json) {
  Outcome outcome;
  if (const Trial* trial = own(run, outcome)) {
    batch_.add(trial_attribute_line(identity_, {trial->id, run.attempt}, system, key, json));
  }
  return outcome;
}

Outcome Change::constraint(Run run, std::string_view name, double exceeded_by) {
  // Optuna takes no NaN there; what isn't known isn't kept.
  const std::string json = std::isfinite(exceeded_by) ? json_number(exceeded_by)
                           : exceeded_by < 0          ? "-1e999"
                                                      : "1e999";
  return attribute(run, true, fmt::format("constraints:{}", name), json);
}

Outcome Change::checkpoint(Run run, const Checkpoint& checkpoint) {
  Outcome outcome;
  if (const Trial* trial = own(run, outcome)) {
    batch_.add(checkpoint_line(identity_, {trial->id, run.attempt}, checkpoint));
  }
  return outcome;
}

Outcome Change::pause(Run run) {
  Outcome outcome;
  if (const Trial* trial = own(run, outcome)) {
    batch_.add(pause_line(identity_, {trial->id, run.attempt}, trial->budget));
  }
  return outcome;
}

std::optional<Run> Change::next_attempt(Run expected, std::string_view reason, const Start& how) {
  if (expected.number >= log().trials.size()) return std::nullopt;
  const Trial& trial = log().trials[expected.number];
  if (trial.state != State::running || trial.attempt == 0 || trial.attempt != expected.attempt)
    return std::nullopt;
  StartKeys keys = keys_of(how);
  const std::string_view me = std::string_view(identity_.worker).substr(worker_prefix.size());
  keys.lost = !trial.owner.empty() && trial.owner != me;
  const Run next{expected.number, expected.attempt + 1};
  batch_.add(attempt_line(identity_, {trial.id, next.attempt}, reason, now_, keys));
  if (!how.slot.empty() && trial.slot != how.slot) {
    batch_.add(
        trial_attribute_line(identity_, {trial.id, next.attempt}, false, "slot", json_quoted(how.slot)));
  }
  return next;
}

std::uint32_t Change::enqueue(const std::map<std::string, std::string>& fixed, std::int64_t parent) {
  std::string parameters = "{";
  for (const auto& [name, text] : fixed) {
    const auto p = space_.find(name);
    const auto value = p ? fixed_value(space_.parameters()[*p], text) : std::nullopt;
    if (!value) continue;
    parameters += fmt::format("{}{}:{}", parameters.size() > 1 ? "," : "", json_quoted(name),
                              external_json(space_.parameters()[*p], *value));
  }
  NewTrial trial;
  trial.study = study_;
  trial.id = batch_.replay().trial_ids();
  trial.state = State::waiting;
  trial.system_attributes = "{\"fixed_params\":" + parameters + "}}";
  trial.keys.parent = parent;
  batch_.add(trial_line(identity_, trial));
  return log().trials.back().number;
}

std::uint32_t Change::retry(std::uint32_t number) {
  if (number >= log().trials.size()) fail_usage("there is no trial {}", number);
  const Trial& old = log().trials[number];
  if (old.state != State::failed) {
    fail_usage("trial {} is {}: only what has failed is tried again", number,
               enum_names(old.state).name_of(old.state));
  }
  // As Optuna's own RetryFailedTrialCallback says it.
  std::string history, fixed;
  for (const Trial& other : log().trials) {
    if (other.parent == number && other.find_attribute("failed_trial", true)) return other.number;
  }
  if (const Attribute* before = old.find_attribute("retry_history", true)) {
    history = before->json.substr(1, before->json.size() - 2);
  }
  history += (history.empty() ? "" : ",") + std::to_string(number);
  for (const TrialParameter& p : old.parameters) {
    fixed += fmt::format("{}{}:{}", fixed.empty() ? "" : ",", json_quoted(p.what->name),
                         external_json(p.what->distribution, p.value));
  }
  NewTrial trial;
  trial.study = study_;
  trial.id = batch_.replay().trial_ids();
  trial.state = State::waiting;
  trial.system_attributes = fmt::format(
      "{{\"fixed_params\":{{{}}},\"failed_trial\":{},\"retry_history\":[{}]}}", fixed, number, history);
  trial.keys.parent = number;
  trial.keys.seed = old.seed;
  batch_.add(trial_line(identity_, trial));
  return log().trials.back().number;
}

Change::Taken Change::take_over(const StudyLog& other, std::string_view journal) {
  Taken taken;
  // Journals of other days may have the same name, and the same numbers.
  std::set<std::pair<std::string, Date>> here;
  for (const Trial& trial : log().trials) here.emplace(trial.from, trial.start);
  Columns columns(space_);
  for (const Trial& old : other.trials) {
    const bool has_ended = old.state == State::complete || old.state == State::pruned;
    if (!has_ended || !old.has_finite_values()) continue;
    // What that journal took over itself is known by where it was first.
    const std::string from = old.from.empty()
                                 ? fmt::format("{}:{}#{}", base_name(journal), other.name, old.number)
                                 : std::string(old.from);
    if (here.contains({from, old.start})) {
      ++taken.here_already;
      continue;
    }
    const auto point = columns.point_of(old);
    if (!point) {
      if (taken.misfits++ == 0) taken.first_misfit = misfit(space_, old);
      continue;
    }
    NewTrial trial;
    trial.study = study_;
    trial.id = batch_.replay().trial_ids();
    trial.state = old.state;
    trial.start = old.start;
    trial.end = old.end;
    trial.values = old.values;
    trial.like = &old;
    trial.keys.from = from;
    trial.keys.seed = old.seed;
    for (std::size_t p = 0; p < space_.size(); ++p) {
      if (!std::isnan((*point)[p])) trial.parameters.push_back({&space_.parameters()[p], (*point)[p]});
    }
    batch_.add(trial_line(identity_, trial));
    here.emplace(from, old.start);
    ++taken.taken;
  }
  return taken;
}

void Change::set_header(std::string_view nn_json) {
  batch_.add(study_attribute_line(identity_, study_, "nn", nn_json));
}

}  // namespace nn::study
