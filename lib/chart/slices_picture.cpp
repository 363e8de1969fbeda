// The objective against each parameter.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "chart/axes.hpp"
#include "chart/picture.hpp"

namespace nn::chart {
namespace {

// Spreads trials over the width of a choice, each always to the same place.
double spread(std::uint32_t number) {
  constexpr double golden = 0.6180339887498949;
  const double turn = static_cast<double>(number) * golden;
  return (turn - std::floor(turn) - 0.5) * 0.5;
}

Panel panel_of(const Results& results, std::size_t d, const std::vector<std::size_t>& drawn, const Axis& y,
               double width) {
  const Dimension& dimension = results.dimensions[d];
  Panel panel{.width = width,
              .height = 230,
              .title = fmt::format("{} against {}", results.goals[0].name, dimension.name),
              .body = {}};
  Svg svg;
  const Frame frame(svg, panel.width, panel.height, axis_of(dimension), y);
  Dots dots, infeasible;
  const auto best = results.best(0);
  for (const std::size_t place : drawn) {
    const Result& trial = results.trials[place];
    if (std::isnan(trial.parameters[d])) continue;
    const double at = trial.parameters[d] + (dimension.has_labels() ? spread(trial.number) : 0);
    (trial.feasible ? dots : infeasible).add(frame.x(at), frame.y(trial.values[0]), trial.number);
  }
  infeasible.draw(svg, "dot infeasible");
  dots.draw(svg, "dot complete");
  if (best && std::isfinite(results.trials[*best].parameters[d])) {
    const Result& trial = results.trials[*best];
    const double at = trial.parameters[d] + (dimension.has_labels() ? spread(trial.number) : 0);
    svg.circle("ring", frame.x(at), frame.y(trial.values[0]), 6);
  }
  frame.draw_title(svg, panel.width);
  panel.body = svg.take();
  return panel;
}

}  // namespace

Picture slices_picture(const Results& results) {
  Picture picture{.section = Section::slices, .title = "Slices"};
  std::vector<std::size_t> all;
  std::vector<double> values;
  for (std::size_t t = 0; t < results.trials.size(); ++t) {
    const Result& trial = results.trials[t];
    if (trial.state != study::State::complete || !std::isfinite(trial.values[0])) continue;
    all.push_back(t);
    values.push_back(trial.values[0]);
  }
  if (all.empty() || results.dimensions.empty()) {
    picture.lacking = "It takes a complete trial, and a parameter that has more than one value.";
    return picture;
  }
  const std::vector<std::size_t> first = results.ranked_among(all, 0);
  std::vector<std::size_t> drawn;
  // Many panels have fewer dots each.
  constexpr std::size_t panels_of_all = 6;
  const std::size_t dimensions = std::min(results.dimensions.size(), most_slices);
  const std::size_t most = dimensions <= panels_of_all ? most_dots : most_dots * panels_of_all / dimensions;
  for (const std::size_t i : thinned(all.size(), first, most)) drawn.push_back(all[i]);
  std::vector<std::size_t> order(results.dimensions.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (order.size() > most_slices) {
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return results.dimensions[a].importance[0] > results.dimensions[b].importance[0];
    });
    order.resize(most_slices);
    picture.notes.push_back(fmt::format("The {} most important of {} parameters are drawn.", most_slices,
                                        results.dimensions.size()));
  }
  Axis y = axis_of(results.goals[0], values);
  y.title = results.goals[0].name;
  // Three in a row, or two where that leaves less room empty.
  const double width = order.size() <= 2 || order.size() == 4 ? half : third;
  for (const std::size_t d : order) picture.panels.push_back(panel_of(results, d, drawn, y, width));
  for (const std::string& note : {thinning_note(drawn.size(), all.size()), note_of(y)}) {
    if (!note.empty()) picture.notes.push_back(note);
  }
  return picture;
}

}  // namespace nn::chart
