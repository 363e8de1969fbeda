#include "chart/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string_view>
#include <vector>

#include "base/terminal.hpp"
#include "base/text.hpp"
#include "chart/axes.hpp"
#include "chart/characters.hpp"
#include "chart/scale.hpp"
#include "chart/timeline.hpp"

namespace nn::chart {
namespace {

constexpr std::size_t top = 10, most_curves_shown = 5, most_bars_shown = 12;

// Cut or filled up to so many columns.
std::string in_columns(std::string_view outside, std::size_t columns, bool right = false) {
  const std::string text = printable(outside, 400);
  const std::size_t have = display_columns(text);
  if (have <= columns) {
    const std::string spaces(columns - have, ' ');
    return right ? spaces + text : text + spaces;
  }
  const std::string out = cut_to_columns(text, columns);
  return out + std::string(columns - display_columns(out), ' ');
}

// As wide as the longest, but no more than a third.
std::size_t label_columns(const std::vector<std::string>& names, std::size_t width) {
  std::size_t most = 6;
  for (const std::string& name : names) most = std::max(most, display_columns(printable(name, 400)));
  return std::min(most, width / 3);
}

std::string head(const Results& results, std::size_t width) {
  std::string out = fmt::format("{}: {} trial{}", printable(results.title()), results.trials.size(),
                                results.trials.size() == 1 ? "" : "s");
  for (const auto& [name, count] : results.counts) out += fmt::format(", {} {}", count, name);
  out = line_of(in_columns(out, width));
  for (std::size_t g = 0; g < results.goals.size(); ++g) {
    const auto best = results.best(g);
    if (!best) continue;
    const Result& trial = results.trials[*best];
    out += line_of(in_columns(fmt::format("best {} {} in trial {} ({} is better)",
                                          printable(results.goals[g].name), short_number(trial.values[g], 6),
                                          trial.number, results.goals[g].maximize ? "higher" : "lower"),
                              width));
  }
  return out;
}

// The best of each stretch of trials, and the best so far.
std::string history(const Results& results, std::size_t width) {
  std::string out;
  for (std::size_t g = 0; g < results.goals.size(); ++g) {
    const Goal& goal = results.goals[g];
    std::vector<double> values;
    for (const Result& trial : results.trials) {
      if (trial.counts()) values.push_back(trial.values[g]);
    }
    if (values.empty()) continue;
    const Axis axis = axis_of(goal, values);
    const std::string low = short_number(axis.low, 4),
                      high = short_number(axis.high, 4) + (axis.is == Scale::Is::log ? " log" : "");
    const std::size_t room = width - std::min(width - 10, std::size_t{17} + low.size() + high.size());
    const std::size_t cells = std::min(room, results.trials.size());
    std::vector<double> best_of(cells, none), so_far(cells, none);
    double best = none;
    for (std::size_t t = 0; t < results.trials.size(); ++t) {
      const std::size_t cell = t * cells / results.trials.size();
      if (results.trials[t].counts()) {
        const double value = results.trials[t].values[g];
        if (std::isnan(best_of[cell]) || goal.better(value, best_of[cell])) best_of[cell] = value;
        if (std::isnan(best) || goal.better(value, best)) best = value;
      }
      so_far[cell] = best;
    }
    const std::string name = printable(goal.name);
    const std::size_t per = (results.trials.size() + cells - 1) / cells;
    out += line_of(in_columns(per > 1 ? fmt::format("{}, the best of each {} trials", name, per)
                                      : fmt::format("{} of each trial", name),
                              width));
    out += line_of(fmt::format("  {:<9} {}  {} … {}", "value", sparkline(best_of, axis), low, high));
    out += line_of(fmt::format("  {:<9} {}", "best", sparkline(so_far, axis)));
    if (axis.beyond > 0)
      out += fmt::format("  {} far worse, at the edge\n",
                         axis.beyond == 1 ? "1 value is" : fmt::format("{} values are", axis.beyond));
  }
  return out.empty() ? out : "history\n" + out;
}

std::string importance(const Results& results, std::size_t width) {
  std::string out;
  for (std::size_t g = 0; g < results.goals.size(); ++g) {
    std::vector<std::size_t> order(results.dimensions.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return results.dimensions[a].importance[g] > results.dimensions[b].importance[g];
    });
    order.resize(std::min(order.size(), most_bars_shown));
    if (order.empty() || !(results.dimensions[order[0]].importance[g] > 0)) continue;
    out += results.goals.size() > 1
               ? line_of(in_columns("importance for " + printable(results.goals[g].name), width))
               : "importance\n";
    std::vector<std::string> names;
    names.reserve(order.size());
    for (const std::size_t d : order) names.push_back(results.dimensions[d].name);
    const std::size_t label = label_columns(names, width);
    for (const std::size_t d : order) {
      const double share = results.dimensions[d].importance[g];
      const std::size_t room = width - label - 12;
      out +=
          line_of(fmt::format("  {} {} {:.1f} %", in_columns(results.dimensions[d].name, label),
                              bar_of(share / results.dimensions[order[0]].importance[g], room), share * 100));
    }
  }
  return out;
}

// For each parameter the best value in each part of its range.
std::string slices(const Results& results, std::size_t width) {
  const Goal& goal = results.goals[0];
  std::vector<double> values;
  for (const Result& trial : results.trials) {
    if (trial.counts()) values.push_back(trial.values[0]);
  }
  if (values.empty() || results.dimensions.empty()) return {};
  const Axis axis = axis_of(goal, values);
  std::vector<std::string> names;
  for (const Dimension& d : results.dimensions) names.push_back(d.name);
  const std::size_t label = label_columns(names, width);
  const std::size_t room = std::max<std::size_t>(8, (width - label) / 2);
  std::string out = line_of(
      in_columns(fmt::format("slices: the best {} by a parameter's value", printable(goal.name)), width));
  for (std::size_t d = 0; d < results.dimensions.size(); ++d) {
    const Dimension& dimension = results.dimensions[d];
    std::size_t cells = std::min(room, std::max<std::size_t>(values.size(), 8));
    if (dimension.has_labels()) cells = std::min(cells, dimension.labels.size());
    if (dimension.whole)
      cells = std::min(cells, static_cast<std::size_t>(std::min(dimension.high - dimension.low, 1e6)) + 1);
    const Scale scale = dimension.has_labels()
                            ? Scale(dimension.labels, 0, static_cast<double>(cells))
                            : Scale(dimension.log ? Scale::Is::log : Scale::Is::linear, dimension.low,
                                    dimension.high, 0, static_cast<double>(cells));
    std::vector<double> best(cells, none);
    for (const Result& trial : results.trials) {
      if (!trial.counts() || std::isnan(trial.parameters[d])) continue;
      const double place = std::clamp(scale(trial.parameters[d]), 0.0, static_cast<double>(cells) - 1);
      double& cell = best[static_cast<std::size_t>(place)];
      if (std::isnan(cell) || goal.better(trial.values[0], cell)) cell = trial.values[0];
    }
    std::string ends = dimension.has_labels()
                           ? fmt::format("{}", fmt::join(dimension.labels, " "))
                           : fmt::format("{} … {}{}", short_number(dimension.low, 4),
                                         short_number(dimension.high, 4), dimension.log ? " log" : "");
    const std::size_t used = 2 + label + 1 + cells + 2;
    out += line_of(fmt::format("  {} {}  {}", in_columns(dimension.name, label), sparkline(best, axis),
                               in_columns(ends, width > used ? width - used : 1)));
  }
  return out;
}

std::string curves(const Results& results, std::size_t width) {
  std::vector<std::size_t> shown;
  for (const std::size_t place : results.ranked(0)) {
    if (results.trials[place].curve.size() > 1 && shown.size() < most_curves_shown) shown.push_back(place);
  }
  if (shown.empty()) return {};
  std::vector<double> values;
  double last_step = 0, first_step = INFINITY;
  for (const std::size_t place : shown) {
    for (const auto& [step, value] : results.trials[place].curve) {
      values.push_back(value);
      last_step = std::max(last_step, step);
      first_step = std::min(first_step, step);
    }
  }
  constexpr double spreads = 40;  // trials begin far from where they end
  const Axis axis = axis_of(results.goals[0], values, spreads);
  const std::size_t room =
      std::min<std::size_t>(width - 30, static_cast<std::size_t>(std::min(last_step - first_step, 1e6)) + 1);
  std::string out = line_of(in_columns(fmt::format("curves of the best, steps {} … {}",
                                                   short_number(first_step, 9), short_number(last_step, 9)),
                                       width));
  for (const std::size_t place : shown) {
    const Result& trial = results.trials[place];
    std::vector<double> cells(room, none);
    for (const auto& [step, value] : trial.curve) {
      const double share = last_step > first_step ? (step - first_step) / (last_step - first_step) : 0;
      cells[std::min(room - 1, static_cast<std::size_t>(share * static_cast<double>(room)))] = value;
    }
    out += line_of(fmt::format("  trial {:<6} {}  {}", trial.number, sparkline(cells, axis),
                               short_number(trial.values[0], 5)));
  }
  return out;
}

std::string slots(const Results& results, std::size_t width) {
  const Timeline timeline = timeline_of(results);
  if (timeline.slots.empty() || !(timeline.seconds > 0)) return {};
  std::string out = line_of(in_columns(
      fmt::format("timeline: {}, slots busy {:.1f} %", duration_text(timeline.seconds), timeline.busy * 100),
      width));
  std::vector<std::string> names;
  for (const SlotTime& slot : timeline.slots) names.push_back(slot.name);
  const std::size_t label = label_columns(names, width), room = width - label - 16;
  for (std::size_t s = 0; s < std::min(timeline.slots.size(), most_bars_shown); ++s) {
    std::vector<double> busy(room, 0);
    const double cell_s = timeline.seconds / static_cast<double>(room);
    for (const Stretch& stretch : timeline.slots[s].stretches) {
      for (auto cell = static_cast<std::size_t>(stretch.begin_s / cell_s);
           cell < room && static_cast<double>(cell) * cell_s < stretch.end_s; ++cell) {
        const double begin = static_cast<double>(cell) * cell_s;
        busy[cell] +=
            std::max(0.0, std::min(stretch.end_s, begin + cell_s) - std::max(stretch.begin_s, begin)) /
            cell_s;
      }
    }
    out += line_of(fmt::format("  {} {} {:5.1f} % busy", in_columns(timeline.slots[s].name, label),
                               sparkline(busy, Axis{}), timeline.slots[s].busy * 100));
  }
  if (timeline.slots.size() > most_bars_shown)
    out += fmt::format("  and {} more slots\n", timeline.slots.size() - most_bars_shown);
  return out;
}

std::string table(const Results& results, const std::vector<std::size_t>& places, std::string_view title,
                  std::size_t width) {
  if (places.empty()) return {};
  std::vector<std::vector<std::string>> rows(1);
  rows[0].emplace_back("trial");
  for (const Goal& goal : results.goals) rows[0].push_back(goal.name);
  for (const Dimension& d : results.dimensions) rows[0].push_back(d.name);
  rows[0].emplace_back("seconds");
  for (const std::size_t place : places) {
    const Result& trial = results.trials[place];
    std::vector<std::string> row{std::to_string(trial.number)};
    for (const double value : trial.values) row.push_back(short_number(value, 5));
    for (std::size_t d = 0; d < results.dimensions.size(); ++d) {
      const Dimension& dimension = results.dimensions[d];
      const double value = trial.parameters[d];
      row.push_back(dimension.has_labels() || dimension.whole || std::isnan(value) ? dimension.text_of(value)
                                                                                   : short_number(value, 4));
    }
    row.push_back(std::isnan(trial.seconds()) ? "" : short_number(trial.seconds(), 3));
    rows.push_back(std::move(row));
  }
  constexpr std::size_t widest = 18;
  std::string out = line_of(in_columns(title, width));
  std::vector<std::size_t> columns(rows[0].size());
  std::size_t used = 0, shown = 0;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    for (const auto& row : rows)
      columns[c] = std::max(columns[c], std::min(display_columns(printable(row[c], 400)), widest));
    if (used + columns[c] + 2 > width) break;
    used += columns[c] + 2;
    ++shown;
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < shown; ++c) line += "  " + in_columns(row[c], columns[c], true);
    out += line_of(line);
  }
  if (shown < columns.size()) out += fmt::format("  and {} more columns\n", columns.size() - shown);
  return out;
}

std::string section_text(Section section, const Results& results, std::size_t width) {
  switch (section) {
    case Section::history: return history(results, width);
    case Section::importance: return importance(results, width);
    case Section::slices: return slices(results, width);
    case Section::curves: return curves(results, width);
    case Section::timeline: return slots(results, width);
    case Section::pareto: {
      auto sorted = results.front;
      std::stable_sort(sorted.begin(), sorted.end(), [&](std::size_t a, std::size_t b) {
        return results.goals[0].better(results.trials[a].values[0], results.trials[b].values[0]);
      });
      const std::size_t all = sorted.size();
      auto front = thinned(all, {}, 2 * top);
      for (std::size_t& place : front) place = sorted[place];
      return table(results, front,
                   front.size() < all
                       ? fmt::format("pareto: {} of the {} trials that none dominates", front.size(), all)
                       : std::string("pareto: trials that none dominates"),
                   width);
    }
    case Section::table: {
      auto best = results.ranked(0);
      if (best.size() > top) best.resize(top);
      const std::string by = results.goals.size() > 1 ? " by " + printable(results.goals[0].name) : "";
      return table(results, best, fmt::format("best {}{}", best.size(), by), width);
    }
    case Section::parallel:
    case Section::contour: break;
  }
  return {};
}

}  // namespace

std::string sparkline(const std::vector<double>& values, const Axis& axis) {
  const char* const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  const Scale scale(axis.is, axis.low, axis.high, 0, 8);
  std::string out;
  for (const double value : values) {
    if (std::isnan(value)) {
      out += ' ';
    } else {
      out += blocks[static_cast<std::size_t>(std::clamp(scale(value), 0.0, 7.0))];
    }
  }
  return out;
}

std::string text(const Results& results, std::size_t width, const std::set<Section>& only) {
  constexpr std::size_t least = 40;
  width = std::max(width, least);
  std::string out = only.empty() ? head(results, width) : "";
  for (const std::string_view name : enum_names(Section{}).list()) {
    const Section section = enum_names(Section{}).parse(name);
    if (!only.empty() && !only.contains(section)) continue;
    std::string part = section_text(section, results, width);
    if (part.empty() && !only.empty()) part = fmt::format("{}: nothing to show\n", name);
    if (!part.empty()) out += (out.empty() ? "" : "\n") + part;
  }
  return out;
}

}  // namespace nn::chart
