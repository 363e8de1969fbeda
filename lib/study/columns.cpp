#include "study/columns.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/json_cursor.hpp"

namespace nn::study {
namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

// As long as one waits to be promoted, what is known of it is what it would be pruned with.
search::TrialState state_of(const Trial& trial) {
  return trial.state == State::complete                 ? search::TrialState::complete
         : trial.state == State::pruned || trial.paused ? search::TrialState::pruned
                                                        : search::TrialState::running;
}

// What samplers may learn from, or must know of.
bool is_wanted(const Trial& trial) {
  switch (trial.state) {
    case State::running: return true;
    case State::complete: return trial.has_finite_values();
    case State::pruned: return true;
    default: return false;
  }
}

std::vector<double> flipped(const StudyLog& study, const Trial& trial) {
  std::vector<double> values(study.directions.size(), nothing);
  for (std::size_t o = 0; o < values.size() && o < trial.values.size(); ++o) {
    const double value = std::isfinite(trial.values[o]) ? trial.values[o] : nothing;
    values[o] = study.directions[o] == Direction::maximize ? -value : value;
  }
  return values;
}

std::string as_identifier(std::string_view name) {
  std::string text;
  for (const char c : name) {
    const bool right = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    text += right ? c : '_';
  }
  if (text.empty() || (text[0] >= '0' && text[0] <= '9')) text.insert(0, 1, '_');
  return text;
}

// Both ranges; of choices, what both have.
void widen(search::Parameter& parameter, const search::Parameter& other) {
  if (!are_compatible(parameter, other)) return;
  parameter.low = std::min(parameter.low, other.low);
  parameter.high = std::max(parameter.high, other.high);
  if (parameter.step != other.step && parameter.kind == search::ParameterKind::quniform) {
    parameter.kind = search::ParameterKind::uniform;
    parameter.step = 0;
  }
}

}  // namespace

DerivedSpace derive_space(const StudyLog& study) {
  std::vector<search::Parameter> parameters;
  std::vector<std::string> names;
  std::unordered_map<std::string, std::size_t> places;
  std::unordered_map<std::string, int> taken;
  const KnownParameter* last = nullptr;
  for (const Trial& trial : study.trials) {
    for (const TrialParameter& p : trial.parameters) {
      if (std::exchange(last, p.what) == p.what) continue;
      const auto [found, is_new] = places.try_emplace(p.what->name, parameters.size());
      if (!is_new) {
        widen(parameters[found->second], p.what->distribution);
        continue;
      }
      search::Parameter parameter = p.what->distribution;
      parameter.name = as_identifier(p.what->name);
      while (taken[parameter.name]++ > 0) parameter.name += '_';
      parameters.push_back(std::move(parameter));
      names.push_back(p.what->name);
    }
  }
  return {search::Space(std::move(parameters), {}), std::move(names)};
}

Columns::Columns(search::Space space, std::vector<std::string> names, bool may_lack)
    : space_(std::move(space)), names_(std::move(names)), may_lack_(may_lack), history_(space_.size(), 0) {
  if (names_.empty()) {
    for (const search::Parameter& p : space_.parameters()) names_.push_back(p.name);
  }
  for (std::size_t p = 0; p < names_.size(); ++p) places_.emplace(names_[p], p);
}

const Columns::Way& Columns::way_of(const KnownParameter& known) {
  const auto found = ways_.find(&known);
  if (found != ways_.end()) return found->second;
  Way way{0, std::nullopt};
  if (const auto place = places_.find(known.name); place != places_.end()) {
    way.place = place->second;
    way.map.emplace(known.distribution, space_.parameters()[way.place]);
  }
  return ways_.emplace(&known, std::move(way)).first->second;
}

// A worker of Optuna tells its parameters one by one, but what its sampler proposed it tells at once, in
// pieces of a text.
void Columns::take_proposed(const Trial& trial, search::Point& point) const {
  std::string text;
  std::deque<std::string> unescaped;
  for (std::size_t i = 0;; ++i) {
    const Attribute* piece = trial.find_attribute("tpe:relative_params:" + std::to_string(i), true);
    if (!piece || !piece->json.starts_with('"')) break;
    text += JsonCursor(piece->json, unescaped, max_nesting).string();
  }
  if (text.empty()) return;
  JsonCursor json(text, unescaped, max_nesting);
  json.object([&](std::string_view name) {
    const bool is_text = json.peek() == '"';
    const std::string value(is_text ? json.string() : json.skip());
    const auto place = places_.find(std::string(name));
    if (place == places_.end() || !std::isnan(point[place->second])) return;
    point[place->second] = space_.parameters()[place->second].value_of(value).value_or(nothing);
  });
}

std::optional<search::Point> Columns::point_of(const Trial& trial) {
  search::Point point(space_.size(), nothing);
  for (const TrialParameter& p : trial.parameters) {
    const Way& way = way_of(*p.what);
    if (way.map) point[way.place] = (*way.map)(p.value);
  }
  if (trial.attempt == 0 && trial.state == State::running) take_proposed(trial, point);
  if (may_lack_) return point;
  for (const std::size_t p : space_.order()) {
    const bool is_active = space_.is_active(p, point);
    // A constant that was added later is what it always was.
    if (is_active && std::isnan(point[p]) && space_.parameters()[p].is_single()) {
      point[p] = space_.parameters()[p].has_choices() ? 0 : space_.parameters()[p].low;
    }
    if (is_active && std::isnan(point[p])) return std::nullopt;
    if (!is_active) point[p] = nothing;
  }
  return point;
}

bool Columns::add_row(const StudyLog& study, const Trial& trial, search::History& to) {
  if (!is_wanted(trial)) return false;
  const auto point = point_of(trial);
  if (!point) return false;
  double last_step = -1, last_value = nothing;
  if (state_of(trial) == search::TrialState::pruned && !trial.reports.empty()) {
    last_step = static_cast<double>(trial.reports.back().step);
    last_value = trial.reports.back().value;
    if (study.directions[0] == Direction::maximize) last_value = -last_value;
  }
  to.add(trial.number, state_of(trial), *point, flipped(study, trial), trial.violation(), last_step,
         last_value, trial.seconds());
  return true;
}

// Where it is in the history and stays there.
bool Columns::replace_row(const StudyLog& study, const Trial& trial) {
  const auto found = std::lower_bound(history_.numbers.begin(), history_.numbers.end(), trial.number);
  const bool is_there = found != history_.numbers.end() && *found == trial.number;
  search::History row(space_.size(), study.directions.size());
  if (add_row(study, trial, row) != is_there) return false;
  if (!is_there) return true;
  const auto at = static_cast<std::size_t>(found - history_.numbers.begin());
  history_.states[at] = row.states[0];
  for (std::size_t p = 0; p < space_.size(); ++p) history_.parameters[p][at] = row.parameters[p][0];
  for (std::size_t o = 0; o < row.values.size(); ++o) history_.values[o][at] = row.values[o][0];
  history_.violations[at] = row.violations[0];
  history_.last_steps[at] = row.last_steps[0];
  history_.last_values[at] = row.last_values[0];
  history_.seconds[at] = row.seconds[0];
  return true;
}

const search::History& Columns::update(const StudyLog& study, const std::vector<std::uint32_t>& changed) {
  history_.values.resize(study.directions.size());
  // From here on it is made anew: where a row comes or goes.
  std::uint32_t from = std::numeric_limits<std::uint32_t>::max();
  for (const std::uint32_t number : changed) {
    const bool is_behind = history_.numbers.empty() || number > history_.numbers.back();
    if (number < from && (is_behind || !replace_row(study, study.trials[number]))) from = number;
  }
  if (from == std::numeric_limits<std::uint32_t>::max()) return history_;
  const auto keep = static_cast<std::size_t>(
      std::lower_bound(history_.numbers.begin(), history_.numbers.end(), from) - history_.numbers.begin());
  history_.numbers.resize(keep);
  history_.states.resize(keep);
  for (auto& column : history_.parameters) column.resize(keep);
  for (auto& column : history_.values) column.resize(keep);
  history_.violations.resize(keep);
  history_.last_steps.resize(keep);
  history_.last_values.resize(keep);
  history_.seconds.resize(keep);
  if (keep == 0) {
    for (auto& column : history_.parameters) column.reserve(study.trials.size());
    for (auto& column : history_.values) column.reserve(study.trials.size());
  }
  for (std::size_t number = from; number < study.trials.size(); ++number) {
    add_row(study, study.trials[number], history_);
  }
  return history_;
}

}  // namespace nn::study
