// What lines say of trials.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.hpp"
#include "base/json_cursor.hpp"
#include "base/text.hpp"
#include "study/replay_state.hpp"

namespace nn::study {
namespace {

using std::chrono::duration;
using std::chrono::duration_cast;

// Elapsed seconds are somebody's word: what is over a century is none.
Date later(Date begin, double seconds) {
  constexpr double century_s = 3.2e9;
  if (begin == Date{} || !(seconds >= 0 && seconds < century_s)) return begin;
  return begin + duration_cast<Date::duration>(duration<double>(seconds));
}

}  // namespace

Date Replay::State::date(std::string_view text) {
  if (text.empty()) return {};
  if (const auto date = parse_date(text)) return *date;
  notice(fmt::format("'{}' is no date", printable(text)));
  return {};
}

OwnKeys Replay::State::own_keys() {
  OwnKeys keys;
  unescaped.clear();
  if (line.is_ours && !line.nn.empty() && !parse_own_keys(line.nn, keys, unescaped)) {
    notice("what stands in nn isn't understood");
    keys = {};
  }
  return keys;
}

void Replay::State::create_trial() {
  StudyLog* study = find_study();
  if (!study) return;
  if (line.is_ours && line.check && *line.check != places.size()) {
    throw data_error("trial {} is made here, after {} others: lines before this one are lost", *line.check,
                     places.size())
        .within_file(name, static_cast<std::int64_t>(lines))
        .advise(
            "; numbers of trials would be wrong from here on: mend it with nn-sweep fsck --repair, or take "
            "it from a "
            "backup");
  }
  const auto number = static_cast<std::uint32_t>(study->trials.size());
  Trial& trial = study->trials.emplace_back();
  trial.number = number;
  trial.id = static_cast<std::uint32_t>(places.size());
  places.push_back({study->id, number});
  trial.state = line.state ? static_cast<study::State>(*line.state) : study::State::running;
  enter_state(*study, trial);
  trial.worker = texts.keep(line.worker);
  trial.start = date(line.start);
  trial.end = date(line.end);
  if (!line.values.empty()) trial.values = line.values;
  take_parameters(trial);
  for (const Line::AttributeText& a : line.attributes) {
    if (!set_attribute(trial.attributes, a)) notice("a trial of too many attributes: some are left out");
  }
  for (const auto& [step, value] : line.reports) add_report(trial, step, value, {});
  begin_ours(trial);
  if (!trial.from.empty() && trial.is_finished() && trial.state != study::State::failed) ++study->taken_over;
  changed(trial);
}

void Replay::State::take_parameters(Trial& trial) {
  if (line.parameters.empty()) return;
  static const std::vector<std::pair<std::string_view, const KnownParameter*>> none;
  const auto& known = line.has_distributions ? parameters.keep(line) : none;
  trial.parameters.reserve(std::min(line.parameters.size(), max_parameters));
  for (std::size_t i = 0; i < line.parameters.size(); ++i) {
    const auto& [parameter_name, value] = line.parameters[i];
    // Both lists are mostly in one order.
    auto found = known.begin() + static_cast<std::ptrdiff_t>(std::min(i, known.size()));
    if (found == known.end() || found->first != parameter_name) {
      found = known.size() > max_parameters
                  ? known.end()
                  : std::find_if(known.begin(), known.end(),
                                 [&n = parameter_name](const auto& k) { return k.first == n; });
    }
    if (found == known.end() || !found->second || trial.parameters.size() == max_parameters) {
      notice(
          fmt::format("parameter '{}' has no distribution that is known, or is one too many: it is left out",
                      printable(parameter_name)));
      if (trial.parameters.size() == max_parameters) return;
      continue;
    }
    set_parameter(trial, *found->second, value);
  }
}

void Replay::State::set_parameter(Trial& trial, const KnownParameter& what, double value) {
  if (what.distribution.has_choices() &&
      !(value >= 0 && value < static_cast<double>(what.distribution.choices.size()))) {
    return notice(
        fmt::format("parameter '{}' has a value that is none of its choices", printable(what.name)));
  }
  auto& first = more[places[trial.id].study].first;
  const auto known = first.try_emplace(what.name, State::More::First{trial.number, &what}).first;
  if (trial.number <= known->second.number) known->second = {trial.number, &what};
  for (TrialParameter& p : trial.parameters) {
    if (p.what != &what && p.what->name != what.name) continue;
    p = {&what, value};
    return;
  }
  if (trial.parameters.size() == max_parameters)
    return notice("a trial of too many parameters: one is left out");
  trial.parameters.push_back({&what, value});
}

// Who made it is an nn-sweep: what it said of it beside Optuna's keys.
void Replay::State::begin_ours(Trial& trial) {
  if (!line.is_ours) return;
  const OwnKeys keys = own_keys();
  if (const Attribute* slot = trial.find_attribute("slot", false)) {
    JsonCursor json(slot->json, unescaped, max_nesting);
    const std::string_view text = json.peek() == '"' ? json.string() : std::string_view();
    trial.slot = texts.keep(text);
  }
  trial.sampler = texts.keep(keys.sampler);
  trial.from = texts.keep(keys.from);
  trial.seed = keys.seed.value_or(0);
  trial.known = keys.known.value_or(0);
  trial.parent = keys.parent;
  trial.budget = keys.budget;
  trial.ttl_s = keys.ttl_s;
  if (!trial.sampler.empty()) ++studies[places[trial.id].study].proposed;
  if (trial.state != study::State::running) return;
  trial.attempt = 1;
  trial.header = last_header(trial);
  trial.owner = texts.keep(keys.owner.empty() ? line.worker.substr(worker_prefix.size()) : keys.owner);
  trial.begun = trial.last_sign = trial.start;
}

void Replay::State::parameter(Trial& trial) {
  const KnownParameter* what = parameters.keep(line.parameter, line.distribution);
  if (!what) {
    return notice(fmt::format("parameter '{}' has no distribution that is known: it is left out",
                              printable(line.parameter)));
  }
  const auto& first = more[places[trial.id].study].first;
  const auto known = first.find(line.parameter);
  if (known != first.end() && known->second.what != what &&
      !are_compatible(known->second.what->distribution, what->distribution)) {
    return;
  }
  set_parameter(trial, *what, line.value);
  changed(trial);
}

// Something that an attempt says, after the next one began.
bool Replay::State::is_stale(const Trial& trial, const OwnKeys& keys) {
  if (!keys.attempt || *keys.attempt == trial.attempt) return false;
  notice(fmt::format("attempt {} of trial {} says something while {} is current: it doesn't count",
                     *keys.attempt, trial.number, trial.attempt));
  return true;
}

void Replay::State::state(Trial& trial) {
  const auto to = static_cast<study::State>(*line.state);
  OwnKeys keys = own_keys();
  if (study::is_finished(to)) return end(trial, to, keys);
  // Who came first has it.
  if (to == study::State::running && trial.state == to) return;
  if (!line.values.empty()) trial.values = line.values;
  move_to(trial, to);
  if (to != study::State::running) return;
  trial.start = trial.begun = trial.last_sign = date(line.start);
  if (!line.is_ours) return;
  trial.attempt = 1;
  trial.header = last_header(trial);
  trial.owner = texts.keep(keys.owner.empty() ? line.worker.substr(worker_prefix.size()) : keys.owner);
  if (keys.seed) trial.seed = *keys.seed;
  if (keys.known) trial.known = *keys.known;
  if (!keys.sampler.empty()) trial.sampler = texts.keep(keys.sampler);
  if (keys.parent >= 0) trial.parent = keys.parent;
  trial.budget = keys.budget;
  trial.ttl_s = keys.ttl_s;
}

void Replay::State::end(Trial& trial, study::State to, OwnKeys& keys) {
  if (is_stale(trial, keys)) return;
  trial.end = date(line.end);
  if (!line.values.empty()) trial.values = line.values;
  trial.ending = std::move(keys.ending);
  trial.paused = false;
  move_to(trial, to);
}

void Replay::State::report(Trial& trial) {
  const OwnKeys keys = own_keys();
  if (!is_stale(trial, keys)) add_report(trial, *line.step, line.value, keys);
}

void Replay::State::add_report(Trial& trial, std::int64_t step, double value, const OwnKeys& keys) {
  Report report{step, value, keys.elapsed_s, 0, 0};
  if (!keys.metrics.empty() && trial.metrics.size() + keys.metrics.size() < UINT32_MAX) {
    report.metrics_at = static_cast<std::uint32_t>(trial.metrics.size());
    report.size = static_cast<std::uint32_t>(keys.metrics.size());
    trial.metrics += keys.metrics;
  }
  if (keys.attempt) trial.last_sign = std::max(trial.last_sign, later(trial.begun, keys.elapsed_s));
  if (!trial.reports.empty() && step <= trial.reports.back().step) {
    if (step == trial.reports.back().step) {
      trial.reports.pop_back();
    } else if (unsorted.empty() || unsorted.back() != trial.id) {
      unsorted.push_back(trial.id);
    }
  }
  trial.reports.push_back(report);
}

// By step; of equal ones the last that came.
void Replay::State::sort_reports() {
  std::sort(unsorted.begin(), unsorted.end());
  unsorted.erase(std::unique(unsorted.begin(), unsorted.end()), unsorted.end());
  for (const std::uint32_t id : unsorted) {
    auto& reports = studies[places[id].study].trials[places[id].number].reports;
    std::reverse(reports.begin(), reports.end());
    std::stable_sort(reports.begin(), reports.end(),
                     [](const Report& a, const Report& b) { return a.step < b.step; });
    reports.erase(std::unique(reports.begin(), reports.end(),
                              [](const Report& a, const Report& b) { return a.step == b.step; }),
                  reports.end());
  }
  unsorted.clear();
}

void Replay::State::trial_attributes(Trial& trial) {
  const OwnKeys keys = own_keys();
  if (is_stale(trial, keys)) return;
  for (const Line::AttributeText& a : line.attributes) trial_attribute(trial, a, keys);
}

void Replay::State::trial_attribute(Trial& trial, const Line::AttributeText& text, const OwnKeys& keys) {
  if (line.is_ours) {
    if (text.system && text.key == "nn.attempt") return attempt(trial, text.json, keys);
    if (text.system && text.key == "nn.checkpoint") return checkpoint(trial, text.json);
    if (!text.system && text.key == "nn.report") return not_finite(trial, text.json, keys);
    if (text.system && text.key == "nn.paused") {
      trial.paused = true;
      trial.owner = {};
      changed(trial);
      return;
    }
    if (!text.system && text.key == "slot" && text.json.starts_with('"')) {
      JsonCursor json(text.json, unescaped, max_nesting);
      trial.slot = texts.keep(json.string());
    }
  }
  if (!set_attribute(trial.attributes, text))
    return notice("a trial of too many attributes: one is left out");
  if (text.system && (text.key.starts_with("constraints") || text.key.starts_with("tpe:relative_params"))) {
    changed(trial);
  }
}

// "2 OWNER REASON"
void Replay::State::attempt(Trial& trial, std::string_view quoted, const OwnKeys& keys) {
  JsonCursor json(quoted, unescaped, max_nesting);
  const std::string_view text = quoted.starts_with('"') ? json.string() : std::string_view();
  std::uint32_t next = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), next);
  const auto owner_at = static_cast<std::size_t>(read.ptr - text.data()) + 1;
  if (read.ec != std::errc() || owner_at >= text.size()) return notice("an attempt that isn't understood");
  // Of two who begin the same attempt, the first has it.
  if (next != trial.attempt + 1 || trial.state != study::State::running) return;
  trial.attempt = next;
  trial.header = last_header(trial);
  trial.owner = texts.keep(text.substr(owner_at, text.find(' ', owner_at) - owner_at));
  if (std::exchange(trial.paused, false)) changed(trial);
  if (keys.lost) ++trial.lost;
  trial.begun = trial.last_sign = date(keys.date);
  trial.ttl_s = keys.ttl_s;
  if (std::isfinite(keys.budget)) trial.budget = keys.budget;
}

void Replay::State::checkpoint(Trial& trial, std::string_view object) {
  Checkpoint checkpoint;
  JsonCursor json(object, unescaped, max_nesting);
  json.object([&](std::string_view key) {
    if (key == "path") {
      checkpoint.path = json.string();
    } else if (key == "budget") {
      checkpoint.budget = json.number();
    } else if (key == "bytes") {
      checkpoint.bytes = json.count();
    } else if (key == "modified_ns") {
      checkpoint.modified_ns = json.integer();
    } else if (key == "xxh3") {
      checkpoint.xxh3 = json.string();
    } else if (key == "value") {
      checkpoint.value = json.number();
    } else {
      json.skip();
    }
  });
  if (!json.ok() || checkpoint.path.empty()) return notice("a checkpoint that isn't understood");
  trial.checkpoints.push_back(std::move(checkpoint));
}

// "12:nan"
void Replay::State::not_finite(Trial& trial, std::string_view quoted, const OwnKeys& keys) {
  JsonCursor json(quoted, unescaped, max_nesting);
  const std::string_view text = quoted.starts_with('"') ? json.string() : std::string_view();
  std::int64_t step = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), step);
  const std::string_view word = text.substr(static_cast<std::size_t>(read.ptr - text.data()));
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const bool known = word == ":nan" || word == ":inf" || word == ":-inf";
  if (read.ec != std::errc() || !known) return notice("a report that isn't understood");
  const double value = word == ":nan" ? std::nan("") : word == ":inf" ? infinity : -infinity;
  add_report(trial, step, value, keys);
}

}  // namespace nn::study
