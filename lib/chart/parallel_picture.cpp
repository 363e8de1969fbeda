// Parallel coordinates: a line for each trial, through its parameters to its value.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "chart/axes.hpp"
#include "chart/picture.hpp"

namespace nn::chart {
namespace {

constexpr double top = 44, bottom = 290, absent = 312, height = 328;
constexpr double left = 84, right = wide - 64;
constexpr std::size_t shades = 8;  // classes q0 … q7

struct Column {
  Axis axis;
  Scale scale;
  double x;
  bool has_absent = false;
};

Scale vertical(const Axis& axis) {
  if (axis.is == Scale::Is::category) return {axis.labels, bottom, top};
  return {axis.is, axis.low, axis.high, bottom, top, axis.whole};
}

// The last axis has its numbers to the right, where no line is.
void draw_axis(Svg& svg, const Column& column, std::size_t place, double room, bool last_axis) {
  const double side = last_axis ? 1 : -1;
  const Anchor anchor = last_axis ? Anchor::start : Anchor::end;
  svg.text("name strong", column.x, 16, column.axis.title, Anchor::middle,
           std::min(room, 2 * std::min(column.x, wide - column.x)) - 22);
  const char* log = column.axis.is == Scale::Is::log ? "log" : "";
  if (*log != 0) svg.text("tick", column.x, 31, log, Anchor::middle);
  svg.line("axis", column.x, top, column.x, bottom);
  double last = 1e9;
  for (const Tick& tick : column.scale.ticks(5)) {
    const double y = column.scale(tick.value);
    if (y < top - 0.5 || y > bottom + 0.5) continue;
    svg.line("axis", column.x + side * 4, y, column.x, y);
    if (tick.label.empty() || last - y < font_size + 2) continue;
    svg.text("tick halo-text", column.x + side * 7, y + 4, tick.label, anchor, std::min(room - 16, 84.0));
    last = y;
  }
  if (column.has_absent) svg.text("tick halo-text", column.x - 7, absent + 4, "absent", Anchor::end);
  svg.rect("brush", column.x - 12, top - 4, 24, (column.has_absent ? absent + 8 : bottom + 4) - top + 4,
           fmt::format("data-axis=\"{}\" data-x=\"{}\"", place, Svg::number(column.x)));
}

}  // namespace

Picture parallel_picture(const Results& results) {
  Picture picture{.section = Section::parallel, .title = "Parallel coordinates"};
  const auto ranked = results.ranked(0);
  if (ranked.empty() || results.dimensions.empty()) {
    picture.lacking = "It takes a complete trial, and a parameter that has more than one value.";
    return picture;
  }
  std::vector<std::size_t> order(results.dimensions.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  if (order.size() > most_dimensions) {
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return results.dimensions[a].importance[0] > results.dimensions[b].importance[0];
    });
    order.resize(most_dimensions);
    picture.notes.push_back(fmt::format("The {} most important of {} parameters are drawn.", most_dimensions,
                                        results.dimensions.size()));
  }
  const std::size_t goals = std::min(results.goals.size(), most_goals);
  const std::size_t count = order.size() + goals;
  const double room = (right - left) / static_cast<double>(std::max<std::size_t>(count - 1, 1));
  std::vector<Column> columns;
  const auto place_of = [&](std::size_t i) { return left + room * static_cast<double>(i); };
  for (const std::size_t d : order) {
    const Axis axis = axis_of(results.dimensions[d]);
    const bool has_absent = std::any_of(ranked.begin(), ranked.end(), [&](std::size_t t) {
      return std::isnan(results.trials[t].parameters[d]);
    });
    columns.push_back({axis, vertical(axis), place_of(columns.size()), has_absent});
  }
  std::size_t beyond = 0;
  for (std::size_t g = 0; g < goals; ++g) {
    std::vector<double> values;
    values.reserve(ranked.size());
    for (const std::size_t t : ranked) values.push_back(results.trials[t].values[g]);
    Axis axis = axis_of(results.goals[g], values);
    axis.title = results.goals[g].name;
    beyond += axis.beyond;
    columns.push_back({axis, vertical(axis), place_of(columns.size())});
  }

  // Worst first, so that the best lie on top.
  std::vector<std::size_t> best_quarter(ranked.size());
  std::iota(best_quarter.begin(), best_quarter.end(), std::size_t{0});
  auto drawn = thinned(ranked.size(), best_quarter, most_lines);
  std::reverse(drawn.begin(), drawn.end());
  Panel panel{.width = wide,
              .height = height,
              .title = fmt::format(
                  "A line for each trial through its parameters to {}; the stronger the colour, the better",
                  results.goals[0].name),
              .body = {}};
  Svg svg;
  svg.open_group("lines");
  for (const std::size_t rank : drawn) {
    const Result& trial = results.trials[ranked[rank]];
    Path path;
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const double value = c < order.size() ? trial.parameters[order[c]] : trial.values[c - order.size()];
      const double y = std::isnan(value) ? absent : std::clamp(columns[c].scale(value), top, bottom);
      path.empty() ? path.move(columns[c].x, y) : path.line(columns[c].x, y);
    }
    const std::size_t shade =
        ranked.size() == 1 ? shades - 1 : shades - 1 - rank * (shades - 1) / (ranked.size() - 1);
    svg.path(rank == 0 ? std::string("trial best") : fmt::format("trial s{}", shade), path.d(),
             fmt::format("data-n=\"{}\"", trial.number));
  }
  svg.close_group();
  for (std::size_t c = 0; c < columns.size(); ++c)
    draw_axis(svg, columns[c], c, room, c + 1 == columns.size());
  panel.body = svg.take();
  picture.panels.push_back(std::move(panel));
  picture.notes.push_back("The stronger the colour, the better by rank; the best is on top.");
  if (const std::string note = thinning_note(drawn.size(), ranked.size()); !note.empty())
    picture.notes.push_back(note);
  if (beyond > 0) picture.notes.push_back(note_of({.beyond = beyond}));
  return picture;
}

}  // namespace nn::chart
