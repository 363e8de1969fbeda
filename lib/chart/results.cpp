#include "chart/results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <unordered_map>

#include "base/error.hpp"
#include "chart/scale.hpp"
#include "search/importance.hpp"
#include "search/pareto.hpp"

namespace nn::chart {
namespace {

using study::Date;
using study::Trial;

// Dimensions: those of the study's space, under the names that its journal has, and behind them what trials
// have besides. What has only one value is none.
class Dimensions {
 public:
  explicit Dimensions(study::Study& study) : derived_(study::derive_space(study.log())) {
    const auto& own = study.space().parameters();
    for (std::size_t p = 0; p < own.size(); ++p) {
      const bool is_own = study.header() != nullptr || p >= derived_.names.size();
      add(own[p], is_own ? own[p].name : derived_.names[p], p);
    }
    for (std::size_t p = 0; p < derived_.names.size(); ++p) {
      if (!places_.contains(derived_.names[p]))
        add(derived_.space.parameters()[p], derived_.names[p], p_none);
    }
  }

  static constexpr std::size_t p_none = SIZE_MAX;
  static constexpr std::size_t hidden = SIZE_MAX;
  std::vector<Dimension> take() { return std::move(dimensions_); }
  std::vector<Dimension>& all() { return dimensions_; }
  std::size_t space_place(std::size_t dimension) const { return space_places_[dimension]; }

  void read(const Trial& trial, std::vector<double>& values) {
    values.assign(dimensions_.size(), none);
    for (const study::TrialParameter& p : trial.parameters) {
      const Way& way = way_of(*p.what);
      if (way.place != hidden) values[way.place] = way.map(p.value);
    }
  }

 private:
  struct Way {
    std::size_t place;
    study::ValueMap map;
  };

  void add(const search::Parameter& parameter, const std::string& name, std::size_t place) {
    if (parameter.is_single()) {
      places_[name] = hidden;
      return;
    }
    places_[name] = dimensions_.size();
    Dimension d{.name = name,
                .log = parameter.is_log(),
                .whole = parameter.kind == search::ParameterKind::integer ||
                         parameter.kind == search::ParameterKind::intlog,
                .low = parameter.low,
                .high = parameter.high};
    for (const search::Choice& choice : parameter.choices) d.labels.push_back(choice.text);
    if (d.has_labels()) {
      d.low = 0;
      d.high = static_cast<double>(d.labels.size() - 1);
    }
    dimensions_.push_back(std::move(d));
    parameters_.push_back(parameter);
    space_places_.push_back(place);
  }

  const Way& way_of(const study::KnownParameter& known) {
    const auto found = ways_.find(&known);
    if (found != ways_.end()) return found->second;
    const auto place = places_.find(known.name);
    const std::size_t to = place == places_.end() ? hidden : place->second;
    const search::Parameter& parameter = to == hidden ? known.distribution : parameters_[to];
    return ways_.emplace(&known, Way{to, study::ValueMap(known.distribution, parameter)}).first->second;
  }

  study::DerivedSpace derived_;
  std::vector<Dimension> dimensions_;
  std::vector<search::Parameter> parameters_;
  std::vector<std::size_t> space_places_;
  std::unordered_map<std::string, std::size_t> places_;
  std::unordered_map<const study::KnownParameter*, Way> ways_;
};

// Normal distributions have no ends to speak of; and ranges may have been others before.
void fit_ends(Dimensions& dimensions, const std::vector<Result>& trials, const search::Space& space) {
  for (std::size_t d = 0; d < dimensions.all().size(); ++d) {
    Dimension& dimension = dimensions.all()[d];
    if (dimension.has_labels()) continue;
    double low = INFINITY, high = -INFINITY;
    for (const Result& trial : trials) {
      const double value = trial.parameters[d];
      if (!std::isfinite(value)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
    if (low > high) continue;
    const std::size_t place = dimensions.space_place(d);
    const bool endless =
        place != Dimensions::p_none && (space.parameters()[place].kind == search::ParameterKind::normal ||
                                        space.parameters()[place].kind == search::ParameterKind::lognormal);
    dimension.low = endless ? low : std::min(dimension.low, low);
    dimension.high = endless ? high : std::max(dimension.high, high);
  }
}

void take_importances(study::Study& study, Dimensions& dimensions) {
  const std::size_t goals = study.log().directions.size();
  for (std::size_t goal = 0; goal < goals; ++goal) {
    const std::vector<double> found = search::importances(study.space(), study.history(), goal);
    const double sum = std::accumulate(found.begin(), found.end(), 0.0);
    for (std::size_t d = 0; d < dimensions.all().size(); ++d) {
      const std::size_t place = dimensions.space_place(d);
      const double value = place < found.size() && sum > 0 ? found[place] / sum : 0;
      dimensions.all()[d].importance.push_back(value);
    }
  }
}

// Where trials ran and when, with times that begin at the first.
class Clock {
 public:
  explicit Clock(const std::deque<Trial>& trials) {
    for (const Trial& trial : trials) {
      for (const Date date : {trial.start, trial.begun, trial.end, trial.last_sign}) see(date);
      for (const study::Report& report : trial.reports) {
        if (trial.begun != Date{} && std::isfinite(report.elapsed_s) && report.elapsed_s < 1e9) {
          see(trial.begun + std::chrono::microseconds(static_cast<std::int64_t>(report.elapsed_s * 1e6)));
        }
      }
    }
  }
  void read(const Trial& trial, Result& result) const {
    const Date begin = trial.begun != Date{} ? trial.begun : trial.start;
    if (begin == Date{} || trial.state == study::State::waiting) return;
    result.begin_s = study::seconds_between(first_, begin);
    const Date end = trial.is_finished() ? trial.end : trial.paused ? last_of(trial, begin) : last_;
    if (end == Date{}) {
      result.begin_s = none;
      return;
    }
    result.end_s = std::max(study::seconds_between(first_, end), result.begin_s);
  }
  std::string first() const { return text_of(first_); }
  std::string last() const { return text_of(last_); }

 private:
  // When it last said something, in its last attempt.
  static Date last_of(const Trial& trial, Date begin) {
    double elapsed_s = 0;
    for (const study::Report& report : trial.reports) {
      if (std::isfinite(report.elapsed_s)) elapsed_s = report.elapsed_s;
    }
    constexpr double most = 1e9;
    return begin +
           std::chrono::microseconds(static_cast<std::int64_t>(std::clamp(elapsed_s, 0.0, most) * 1e6));
  }
  void see(Date date) {
    if (date == Date{}) return;
    if (first_ == Date{} || date < first_) first_ = date;
    last_ = std::max(last_, date);
  }
  static std::string text_of(Date date) {
    if (date == Date{}) return {};
    std::string text = study::to_string(date).substr(0, 16);
    std::replace(text.begin(), text.end(), 'T', ' ');
    return text;
  }
  Date first_{}, last_{};
};

void count_states(Results& results) {
  for (const std::string_view name : state_names()) {
    const auto count = std::count_if(results.trials.begin(), results.trials.end(),
                                     [&](const Result& trial) { return trial.state_name() == name; });
    if (count > 0) results.counts.emplace_back(name, static_cast<std::size_t>(count));
  }
}

std::vector<std::size_t> front_of(const Results& results) {
  std::vector<search::Losses> losses;
  std::vector<std::size_t> places;
  for (std::size_t t = 0; t < results.trials.size(); ++t) {
    if (!results.trials[t].counts()) continue;
    search::Losses loss = results.trials[t].values;
    for (std::size_t g = 0; g < loss.size(); ++g) loss[g] *= results.goals[g].maximize ? -1 : 1;
    losses.push_back(std::move(loss));
    places.push_back(t);
  }
  std::vector<std::size_t> front;
  for (const std::size_t place : search::pareto_front(losses)) front.push_back(places[place]);
  return front;
}

}  // namespace

const std::vector<std::string_view>& state_names() {
  static const std::vector<std::string_view> names{"complete", "pruned", "failed",
                                                   "running",  "paused", "waiting"};
  return names;
}

std::string Dimension::text_of(double value) const {
  if (std::isnan(value)) return "-";
  if (!has_labels()) return short_number(value, whole ? 15 : 6);
  const auto place = static_cast<std::size_t>(std::max(value, 0.0));
  return place < labels.size() ? labels[place] : "?";
}

bool Result::counts() const {
  return state == study::State::complete && feasible && !values.empty() &&
         std::all_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

std::string Results::title() const {
  if (name != "nn-sweep") return name;
  return journal.substr(journal.rfind('/') + 1);
}

std::vector<std::size_t> Results::ranked(std::size_t goal) const {
  std::vector<std::size_t> places;
  for (std::size_t t = 0; t < trials.size(); ++t) {
    if (trials[t].counts()) places.push_back(t);
  }
  std::stable_sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) {
    return goals[goal].better(trials[a].values[goal], trials[b].values[goal]);
  });
  return places;
}

std::vector<std::size_t> Results::ranked_among(const std::vector<std::size_t>& places,
                                               std::size_t goal) const {
  std::vector<std::size_t> among;
  for (const std::size_t place : ranked(goal)) {
    const auto found = std::lower_bound(places.begin(), places.end(), place);
    if (found != places.end() && *found == place)
      among.push_back(static_cast<std::size_t>(found - places.begin()));
  }
  return among;
}

std::optional<std::size_t> Results::best(std::size_t goal) const {
  std::optional<std::size_t> best;
  for (std::size_t t = 0; t < trials.size(); ++t) {
    if (trials[t].counts() &&
        (!best || goals[goal].better(trials[t].values[goal], trials[*best].values[goal])))
      best = t;
  }
  return best;
}

Results results_of(study::Study& study, const std::function<std::string(std::uint32_t)>& command_of) {
  const study::StudyLog& log = study.log();
  Results results;
  results.name = log.name;
  results.journal = study.journal().path();
  const auto objectives = study.objectives();
  for (std::size_t o = 0; o < objectives.size(); ++o) {
    const std::string name = o == 0 ? "value" : fmt::format("value_{}", o);
    results.goals.push_back({objectives[o].name.empty() ? name : objectives[o].name,
                             objectives[o].direction == study::Direction::maximize});
  }
  Dimensions dimensions(study);
  const Clock clock(log.trials);
  std::unordered_map<std::string_view, std::size_t> slots;
  for (const Trial& trial : log.trials) {
    Result result;
    result.number = trial.number;
    result.state = trial.state;
    result.paused = trial.paused;
    results.again += trial.attempt > 1 ? 1 : 0;
    result.feasible = !(trial.violation() > 0);
    result.values.assign(results.goals.size(), none);
    for (std::size_t g = 0; g < results.goals.size() && g < trial.values.size(); ++g)
      result.values[g] = trial.values[g];
    dimensions.read(trial, result.parameters);
    for (const study::Report& report : trial.reports) {
      if (std::isfinite(report.value)) {
        result.curve.emplace_back(static_cast<double>(report.step), report.value);
      } else {
        ++results.not_finite;
      }
    }
    clock.read(trial, result);
    if (!std::isnan(result.begin_s)) {
      const std::string_view slot = trial.slot.empty() ? trial.worker : trial.slot;
      const auto [found, is_new] = slots.try_emplace(slot, results.slots.size());
      if (is_new) results.slots.emplace_back(slot);
      result.slot = found->second;
    }
    result.reason = trial.ending.reason;
    results.trials.push_back(std::move(result));
  }
  count_states(results);
  fit_ends(dimensions, results.trials, study.space());
  take_importances(study, dimensions);
  results.dimensions = dimensions.take();
  if (results.goals.size() > 1) results.front = front_of(results);
  results.began = clock.first();
  results.ended = clock.last();
  if (const auto best = results.best(0); best && command_of) {
    try {
      results.command = command_of(results.trials[*best].number);
    } catch (const Error&) {
      results.command.clear();  // another program's study, or another version's
    }
  }
  return results;
}

}  // namespace nn::chart
