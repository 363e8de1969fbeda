// The objective's value of each trial, and the best so far.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chart/axes.hpp"
#include "chart/picture.hpp"

namespace nn::chart {
namespace {

// What a trial is drawn as: its value, or the last that it reported where it was pruned or is paused.
double value_of(const Result& trial, std::size_t goal) {
  if (std::isfinite(trial.values[goal])) return trial.values[goal];
  if (trial.is_part() && goal == 0 && !trial.curve.empty()) return trial.curve.back().second;
  return none;
}

// A step where the best changes, those that can't be told apart being one; the line ends at the last trial.
std::string best_line(const Results& results, std::size_t goal, const Frame& frame) {
  constexpr double apart = 0.3;
  std::vector<std::pair<double, double>> steps;
  double best = none;
  for (const Result& trial : results.trials) {
    if (!trial.counts()) continue;
    const double value = trial.values[goal];
    if (!std::isnan(best) && !results.goals[goal].better(value, best)) continue;
    best = value;
    const double x = frame.x(trial.number), y = frame.y(value);
    if (steps.size() > 1 && x - steps.back().first < apart) {
      steps.back().second = y;
    } else {
      steps.emplace_back(x, y);
    }
  }
  Path path;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (i == 0) {
      path.move(steps[i].first, steps[i].second);
    } else {
      path.line(steps[i].first, steps[i - 1].second);
      path.line(steps[i].first, steps[i].second);
    }
  }
  if (!path.empty()) path.line(frame.x(results.trials.back().number), steps.back().second);
  return path.d();
}

Panel panel_of(const Results& results, std::size_t goal, double width, Picture& picture) {
  Panel panel{
      .width = width,
      .height = 300,
      .title = fmt::format("{} of each trial by its number, and the best so far", results.goals[goal].name),
      .body = {}};
  std::vector<double> values;
  bool failed = false;
  for (const Result& trial : results.trials) {
    if (trial.counts()) values.push_back(trial.values[goal]);
    failed = failed || trial.state == study::State::failed;
  }
  if (values.empty()) {
    for (const Result& trial : results.trials) {
      if (const double value = value_of(trial, goal); std::isfinite(value)) values.push_back(value);
    }
  }
  Svg svg;
  const Axis x{
      .title = "trial", .low = 0, .high = static_cast<double>(results.trials.back().number), .whole = true};
  const Axis y = axis_of(results.goals[goal], values);
  const Frame frame(svg, panel.width, panel.height, x, y);
  Dots complete, pruned, infeasible;
  std::string cross;
  const auto drawn = thinned(results.trials.size(), results.ranked(goal), most_dots);
  for (const std::size_t place : drawn) {
    const Result& trial = results.trials[place];
    const double value = value_of(trial, goal);
    if (trial.state == study::State::failed) {
      cross += cross_at(frame.x(trial.number), frame.bottom() - 6);
    } else if (std::isfinite(value)) {
      Dots& dots = trial.is_part() ? pruned : trial.feasible ? complete : infeasible;
      dots.add(frame.x(trial.number), frame.y(value), trial.number);
    }
  }
  pruned.draw(svg, "dot pruned");
  infeasible.draw(svg, "dot infeasible");
  complete.draw(svg, "dot complete");
  if (!cross.empty()) svg.path("cross", cross);
  const std::string best = best_line(results, goal, frame);
  if (!best.empty()) svg.path("best line", best);
  std::vector<LegendEntry> legend;
  if (!complete.empty()) legend.push_back({"dot complete", "complete"});
  if (!pruned.empty()) legend.push_back({"dot pruned", "pruned"});
  if (!infeasible.empty()) legend.push_back({"dot infeasible", "constraint exceeded"});
  if (failed) legend.push_back({"cross", "failed", LegendEntry::Mark::cross});
  if (!best.empty()) legend.push_back({"best line", "best", LegendEntry::Mark::line});
  frame.draw_title(svg, draw_legend(svg, panel.width - 12, legend));
  panel.body = svg.take();
  if (goal == 0) {
    if (const std::string note = thinning_note(drawn.size(), results.trials.size()); !note.empty())
      picture.notes.push_back(note);
  }
  if (const std::string note = note_of(y); !note.empty()) picture.notes.push_back(note);
  return panel;
}

}  // namespace

Picture history_picture(const Results& results, double width) {
  Picture picture{.section = Section::history, .title = "History"};
  const bool any = std::any_of(results.trials.begin(), results.trials.end(),
                               [](const Result& trial) { return std::isfinite(value_of(trial, 0)); });
  if (!any) {
    picture.lacking = "It takes a trial that has a value.";
    return picture;
  }
  for (std::size_t g = 0; g < std::min(results.goals.size(), most_goals); ++g) {
    picture.panels.push_back(panel_of(results, g, width, picture));
  }
  if (results.goals.size() > most_goals) {
    picture.notes.push_back(
        fmt::format("The first {} of {} objectives are drawn.", most_goals, results.goals.size()));
  }
  return picture;
}

}  // namespace nn::chart
