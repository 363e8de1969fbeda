#include "search/importance.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "search/normal.hpp"
#include "search/tpe.hpp"

namespace nn::search {
namespace {

using Places = std::vector<std::size_t>;

constexpr double target_part = 0.1;
constexpr std::size_t most_cells = 50;
constexpr double nothing_at_all = 1e-12;  // added to densities, which are divided

std::size_t part_of(std::size_t trials) {
  return static_cast<std::size_t>(std::ceil(target_part * static_cast<double>(trials)));
}

Places complete_trials(const History& history) {
  Places places;
  for (std::size_t t = 0; t < history.size(); ++t) {
    const bool finite = std::all_of(history.values.begin(), history.values.end(),
                                    [&](const auto& column) { return std::isfinite(column[t]); });
    if (history.states[t] == TrialState::complete && finite) places.push_back(t);
  }
  return places;
}

// Those that are as good as the last of the best tenth.
Places best_by(const std::vector<double>& values, const Places& trials) {
  std::vector<double> sorted;
  for (const std::size_t t : trials) sorted.push_back(values[t]);
  const auto last = sorted.begin() + static_cast<std::ptrdiff_t>(part_of(trials.size()) - 1);
  std::nth_element(sorted.begin(), last, sorted.end());
  Places best;
  std::copy_if(trials.begin(), trials.end(), std::back_inserter(best),
               [&](std::size_t t) { return values[t] <= *last; });
  return best;
}

// Constraints say nothing about what matters.
Places best_by_domination(const History& history, const Places& trials) {
  History feasible(0, history.values.size());
  for (const std::size_t t : trials) {
    std::vector<double> values;
    for (const auto& column : history.values) values.push_back(column[t]);
    feasible.add(history.numbers[t], TrialState::complete, {}, values);
  }
  Places best;
  for (const std::size_t place : split_trials(feasible, part_of(trials.size())).below) {
    best.push_back(trials[place]);
  }
  return best;
}

// The cells that a parameter's values are counted in.
struct Cells {
  const Parameter& parameter;
  std::size_t count;

  explicit Cells(const Parameter& p) : parameter(p), count(most_cells) {
    if (p.has_choices()) {
      count = p.choices.size();
    } else if (p.kind == ParameterKind::intlog) {
      const double doublings = std::ceil(std::log(p.high - p.low + 1) / std::log(2.0));
      count = std::min(count, static_cast<std::size_t>(doublings) + 1);
    } else if (p.step > 0) {
      count = static_cast<std::size_t>(
          std::min(static_cast<double>(count), std::nearbyint((p.high - p.low) / p.step) + 1));
    }
  }

  std::size_t cell_of(double value) const {
    if (parameter.has_choices()) return static_cast<std::size_t>(value);
    const bool log = parameter.is_log();
    const double low = log ? std::log(parameter.low) : parameter.low;
    const double high = log ? std::log(parameter.high) : parameter.high;
    const double width = (high - low) / static_cast<double>(count - 1);
    const double cell = std::ceil(((log ? std::log(value) : value) - low) / width - 0.5);
    return static_cast<std::size_t>(std::clamp(cell, 0.0, static_cast<double>(count - 1)));
  }
};

// What falls into one cell or several: cells that are not empty, and how many are in them.
struct Counted {
  std::vector<double> cells, counts;
  double total = 0;
};

Counted count_cells(const Cells& cells, const std::vector<double>& column, const Places& trials) {
  std::vector<double> counts(cells.count);
  for (const std::size_t t : trials) counts[cells.cell_of(column[t])] += 1;
  Counted counted;
  for (std::size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] == 0) continue;
    counted.cells.push_back(static_cast<double>(c));
    counted.counts.push_back(counts[c]);
    counted.total += counts[c];
  }
  return counted;
}

// Scott's rule, of whichever says less: the deviation, or the range of the middle half.
double scott_width(const Counted& counted) {
  double mean = 0, squares = 0;
  for (std::size_t i = 0; i < counted.cells.size(); ++i) mean += counted.cells[i] * counted.counts[i];
  mean /= counted.total;
  for (std::size_t i = 0; i < counted.cells.size(); ++i) {
    squares += (counted.cells[i] - mean) * (counted.cells[i] - mean) * counted.counts[i];
  }
  const double deviation = std::sqrt(squares / std::max(1.0, counted.total - 1));
  std::vector<double> up_to(counted.counts.size());
  std::partial_sum(counted.counts.begin(), counted.counts.end(), up_to.begin());
  const auto first = std::lower_bound(up_to.begin(), up_to.end(), std::floor(counted.total / 4));
  const auto third = std::upper_bound(up_to.begin(), up_to.end(), std::floor(counted.total * 3 / 4));
  const auto at = [&](auto place) {
    return counted.cells[std::min(static_cast<std::size_t>(place - up_to.begin()), counted.cells.size() - 1)];
  };
  const double middle_half = at(third) - at(first);
  return 1.059 * std::min(middle_half / 1.34, deviation) * std::pow(counted.total, -0.2);
}

std::vector<double> number_masses(const Counted& counted, std::size_t cells) {
  constexpr double narrowest = 0.5 / 1.64;  // nine tenths of such a kernel are in its cell
  const double width = std::max(scott_width(counted), narrowest);
  const auto end = static_cast<double>(cells) - 0.5;
  std::vector<double> masses(cells);
  const auto add = [&](double centre, double deviation, double weight) {
    const double all = log_normal_mass((-0.5 - centre) / deviation, (end - centre) / deviation);
    for (std::size_t c = 0; c < cells; ++c) {
      const double from = (static_cast<double>(c) - 0.5 - centre) / deviation;
      masses[c] += weight * std::exp(log_normal_mass(from, from + 1 / deviation) - all);
    }
  };
  for (std::size_t i = 0; i < counted.cells.size(); ++i) add(counted.cells[i], width, counted.counts[i]);
  add(static_cast<double>(cells - 1) / 2, static_cast<double>(cells), 1);
  return masses;
}

std::vector<double> choice_masses(const Counted& counted, std::size_t cells) {
  const double share = 1 / static_cast<double>(counted.cells.size() + 1);
  const double sum = 1 + static_cast<double>(cells) * share;
  std::vector<double> masses(cells, counted.total * share / sum + 1 / static_cast<double>(cells));
  for (std::size_t i = 0; i < counted.cells.size(); ++i) {
    masses[static_cast<std::size_t>(counted.cells[i])] += counted.counts[i] / sum;
  }
  return masses;
}

std::vector<double> densities(const Cells& cells, const std::vector<double>& column, const Places& trials) {
  const Counted counted = count_cells(cells, column, trials);
  std::vector<double> masses = cells.parameter.has_choices() ? choice_masses(counted, cells.count)
                                                             : number_masses(counted, cells.count);
  for (double& mass : masses) mass = mass / (counted.total + 1) + nothing_at_all;  // and 1 of the prior
  return masses;
}

Places with_value(const std::vector<double>& column, const Places& trials) {
  Places there;
  std::copy_if(trials.begin(), trials.end(), std::back_inserter(there),
               [&](std::size_t t) { return !std::isnan(column[t]); });
  return there;
}

}  // namespace

std::vector<double> importances(const Space& space, const History& history,
                                std::optional<std::size_t> objective) {
  std::vector<double> sums(space.size());
  const Places all = complete_trials(history);
  if (all.size() < 2) return sums;
  if (!objective && history.values.size() == 1) objective = 0;
  const Places best = objective ? best_by(history.values[*objective], all) : best_by_domination(history, all);
  const auto of_best = static_cast<double>(best.size()), of_all = static_cast<double>(all.size());
  for (std::size_t p = 0; p < space.size(); ++p) {
    const auto& column = history.parameters[p];
    const Places there = with_value(column, all), best_there = with_value(column, best);
    if (space.parameters()[p].is_single() || there.size() < 2 || best_there.empty()) continue;
    const Cells cells(space.parameters()[p]);
    const auto of_target = densities(cells, column, best_there);
    const auto of_region = densities(cells, column, there);
    double divergence = 0;
    for (std::size_t c = 0; c < cells.count; ++c) {
      const double more = of_target[c] / of_region[c] - 1;
      divergence += of_region[c] * more * more;
    }
    const double target_share = static_cast<double>(best_there.size()) / of_best;
    const double region_share = static_cast<double>(there.size()) / of_all;
    const double part = of_best / of_all;
    sums[p] = target_share * target_share / region_share * divergence * part * part;
  }
  return sums;
}

}  // namespace nn::search
