// What trials reported step by step: pruned ones grey, the best on top.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chart/axes.hpp"
#include "chart/picture.hpp"

namespace nn::chart {
namespace {

constexpr std::size_t most_points = 120;  // of a curve

std::string curve_of(const Result& trial, const Frame& frame) {
  Path path;
  const auto drawn = thinned(trial.curve.size(), {trial.curve.size() - 1}, most_points);
  for (const std::size_t i : drawn) {
    const double x = frame.x(trial.curve[i].first), y = frame.y(trial.curve[i].second);
    path.empty() ? path.move(x, y) : path.line(x, y);
  }
  // A single report is a dot.
  if (drawn.size() == 1) path.line(frame.x(trial.curve[0].first) + 0.1, frame.y(trial.curve[0].second));
  return path.d();
}

// A trial begins far from where it ends: only what is further than that by far is out of the axis.
Axis value_axis(const Results& results, const std::vector<std::size_t>& drawn) {
  std::vector<double> values;
  for (const std::size_t place : drawn) {
    for (const auto& [step, value] : results.trials[place].curve) values.push_back(value);
  }
  constexpr double spreads = 40;
  return axis_of(results.goals[0], values, spreads);
}

}  // namespace

Picture curves_picture(const Results& results, double width) {
  Picture picture{.section = Section::curves, .title = "Learning curves"};
  std::vector<std::size_t> all;
  for (std::size_t t = 0; t < results.trials.size(); ++t) {
    if (!results.trials[t].curve.empty()) all.push_back(t);
  }
  if (all.empty()) {
    picture.lacking = "It takes trials that report their progress.";
    return picture;
  }
  // The best first, for thinning; then in the order of their numbers.
  const std::vector<std::size_t> first = results.ranked_among(all, 0);
  std::vector<std::size_t> drawn;
  for (const std::size_t i : thinned(all.size(), first, most_curves)) drawn.push_back(all[i]);

  double low = INFINITY, high = -INFINITY;
  std::size_t longest = 0;
  for (const std::size_t place : drawn) {
    const auto& curve = results.trials[place].curve;
    low = std::min(low, curve.front().first);
    high = std::max(high, curve.back().first);
    longest = std::max(longest, curve.size());
  }
  const Axis x{.title = "step", .low = low, .high = high, .whole = true};
  const Axis y = value_axis(results, drawn);
  Panel panel{.width = width,
              .height = 300,
              .title = fmt::format("{} by step, a line for each trial", results.goals[0].name),
              .body = {}};
  Svg svg;
  const Frame frame(svg, panel.width, panel.height, x, y);
  const auto best = results.best(0);
  bool complete = false, running = false, failed = false;
  Dots ends;
  const auto draw = [&](std::size_t place, const char* classes) {
    svg.path(classes, curve_of(results.trials[place], frame),
             fmt::format("data-n=\"{}\"", results.trials[place].number));
  };
  for (const std::size_t place : drawn) {
    const Result& trial = results.trials[place];
    if (!trial.is_part()) continue;
    draw(place, "curve pruned");
    ends.add(frame.x(trial.curve.back().first), frame.y(trial.curve.back().second), trial.number);
  }
  ends.draw(svg, "dot small pruned");
  for (const std::size_t place : drawn) {
    const study::State state = results.trials[place].state;
    if (results.trials[place].is_part() || place == best) continue;
    complete = complete || state == study::State::complete;
    running = running || state == study::State::running;
    failed = failed || state == study::State::failed;
    draw(place, state == study::State::complete  ? "curve complete"
                : state == study::State::running ? "curve running"
                                                 : "curve failed");
  }
  const bool has_best = best && std::find(drawn.begin(), drawn.end(), *best) != drawn.end();
  if (has_best) draw(*best, "curve best");
  std::vector<LegendEntry> legend;
  if (complete) legend.push_back({"curve complete", "complete", LegendEntry::Mark::line});
  if (running) legend.push_back({"curve running", "running", LegendEntry::Mark::line});
  if (failed) legend.push_back({"curve failed", "failed", LegendEntry::Mark::line});
  if (!ends.empty()) legend.push_back({"curve pruned", "pruned", LegendEntry::Mark::line});
  if (has_best) legend.push_back({"curve best", "best", LegendEntry::Mark::line});
  frame.draw_title(svg, draw_legend(svg, panel.width - 12, legend));
  panel.body = svg.take();
  picture.panels.push_back(std::move(panel));
  const auto note = [&](std::string text) {
    if (!text.empty()) picture.notes.push_back(std::move(text));
  };
  note(thinning_note(drawn.size(), all.size(), "curves"));
  note(note_of(y));
  if (longest > most_points) note(fmt::format("Of each curve {} points at most are drawn.", most_points));
  if (results.not_finite > 0) {
    note(fmt::format(
        "{} no finite number, and {} left out.",
        results.not_finite == 1 ? "One report is" : with_commas(results.not_finite) + " reports are",
        results.not_finite == 1 ? "is" : "are"));
  }
  return picture;
}

}  // namespace nn::chart
