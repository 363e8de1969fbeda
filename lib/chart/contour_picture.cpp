// The objective over the two parameters that matter most.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "chart/axes.hpp"
#include "chart/field.hpp"
#include "chart/picture.hpp"

namespace nn::chart {
namespace {

constexpr std::size_t levels = 8;  // classes q0 … q7
constexpr std::size_t columns = 61, rows = 41;
constexpr std::size_t most_points = 2000;  // that the surface is made of

// Trials that count and have both parameters.
std::vector<std::size_t> trials_with(const Results& results, std::size_t a, std::size_t b) {
  std::vector<std::size_t> places;
  for (std::size_t t = 0; t < results.trials.size(); ++t) {
    const Result& trial = results.trials[t];
    if (trial.counts() && std::isfinite(trial.parameters[a]) && std::isfinite(trial.parameters[b]))
      places.push_back(t);
  }
  return places;
}

// Whether it has two values at least, and how many trials have it.
struct Presence {
  bool varies = false;
  std::size_t trials = 0;
};
Presence presence_of(const Results& results, std::size_t dimension) {
  Presence found;
  double first = none;
  for (const Result& trial : results.trials) {
    const double value = trial.parameters[dimension];
    if (!trial.counts() || std::isnan(value)) continue;
    if (std::isnan(first)) first = value;
    found.varies = found.varies || value != first;
    ++found.trials;
  }
  return found;
}

// The most important first. Before others come numbers, since there is nothing between choices, and what most
// trials have.
std::vector<std::size_t> candidates(const Results& results) {
  const std::size_t all = results.ranked(0).size();
  std::vector<std::size_t> order;
  std::vector<bool> usual(results.dimensions.size());
  for (std::size_t d = 0; d < results.dimensions.size(); ++d) {
    const Presence presence = presence_of(results, d);
    if (presence.varies) order.push_back(d);
    usual[d] = !results.dimensions[d].has_labels() && presence.trials * 2 >= all;
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return results.dimensions[a].importance[0] > results.dimensions[b].importance[0];
  });
  std::stable_partition(order.begin(), order.end(), [&](std::size_t d) { return usual[d]; });
  return order;
}

// Where it begins.
double draw_bar(Svg& svg, double right, const std::string& worst, const std::string& best) {
  constexpr double step = 14, y = 5;
  double at = right - text_width(best, font_size);
  svg.text("legend", at, 14, best);
  at -= 6 + step * levels;
  for (std::size_t i = 0; i < levels; ++i) {
    svg.rect(fmt::format("q{}", i), at + step * static_cast<double>(i), y, step, 10);
  }
  svg.text("legend", at - 6, 14, worst, Anchor::end);
  return at - 12 - text_width(worst, font_size);
}

}  // namespace

Picture contour_picture(const Results& results, double width) {
  Picture picture{.section = Section::contour, .title = "Contour"};
  picture.lacking = "It takes two parameters, and four complete trials with different values of them.";
  const auto order = candidates(results);
  if (order.size() < 2) return picture;
  const std::size_t dx = order[0], dy = order[1];
  const auto places = trials_with(results, dx, dy);
  constexpr std::size_t few = 4;
  if (places.size() < few) return picture;
  picture.lacking.clear();

  const Goal& goal = results.goals[0];
  std::vector<double> values;
  values.reserve(places.size());
  for (const std::size_t place : places) values.push_back(results.trials[place].values[0]);
  const Axis shade = axis_of(goal, values);
  const Scale share(shade.is, shade.low, shade.high, goal.maximize ? 0 : 1, goal.maximize ? 1 : 0);
  Panel panel{.width = width,
              .height = 300,
              .title = fmt::format("{} over {} and {}", goal.name, results.dimensions[dx].name,
                                   results.dimensions[dy].name),
              .body = {}};
  Svg back, svg;
  Axis x = axis_of(results.dimensions[dx]), y = axis_of(results.dimensions[dy]);
  x.pad = y.pad = false;
  const Frame frame(back, panel.width, panel.height, x, y);
  const std::vector<std::size_t> first = results.ranked_among(places, 0);
  std::vector<FieldPoint> points;
  for (const std::size_t i : thinned(places.size(), first, most_points)) {
    const Result& trial = results.trials[places[i]];
    points.push_back({(frame.x(trial.parameters[dx]) - frame.left()) / (frame.right() - frame.left()),
                      (frame.y(trial.parameters[dy]) - frame.top()) / (frame.bottom() - frame.top()),
                      std::clamp(share(trial.values[0]), 0.0, 1.0)});
  }
  const Field field = interpolate(points, columns, rows);
  // Levels are equal parts of what the surface has; each area lies over those of lesser ones.
  const auto [least, most] = std::minmax_element(field.values.begin(), field.values.end());
  svg.rect("q0", frame.left(), frame.top(), frame.right() - frame.left(), frame.bottom() - frame.top());
  for (std::size_t i = 1; i<levels&& * most> * least; ++i) {
    const double level = *least + (*most - *least) * static_cast<double>(i) / levels;
    const std::string area =
        area_above(field, level, frame.left(), frame.top(), frame.right(), frame.bottom());
    if (!area.empty()) svg.path(fmt::format("q{} area", i), area);
  }
  Dots dots;
  const auto drawn = thinned(places.size(), first, most_dots / 3);
  for (const std::size_t i : drawn) {
    const Result& trial = results.trials[places[i]];
    dots.add(frame.x(trial.parameters[dx]), frame.y(trial.parameters[dy]), trial.number);
  }
  dots.draw(svg, "dot halo");
  dots.draw(svg, "dot point");
  if (const auto best = results.best(0); best && std::isfinite(results.trials[*best].parameters[dx]) &&
                                         std::isfinite(results.trials[*best].parameters[dy])) {
    svg.circle("ring", frame.x(results.trials[*best].parameters[dx]),
               frame.y(results.trials[*best].parameters[dy]), 6);
  }
  frame.draw_title(svg, draw_bar(svg, panel.width - 12, short_number(share.value_at(*least), 3),
                                 short_number(share.value_at(*most), 3)));
  panel.body = back.take() + svg.take();
  picture.panels.push_back(std::move(panel));
  picture.notes.push_back(fmt::format(
      "{} between trials is interpolated; the stronger the colour, the better. The ring is the best trial.",
      goal.name));
  if (const std::string note = thinning_note(drawn.size(), places.size()); !note.empty())
    picture.notes.push_back(note);
  return picture;
}

}  // namespace nn::chart
