#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "chart/axes.hpp"
#include "chart/svg.hpp"
#include "evaluate/pictures.hpp"

namespace nn::evaluate {
namespace {

using chart::Axis;
using chart::Frame;
using chart::Svg;

constexpr double height = 400;
constexpr std::size_t most_dots = 1500;  // more are cells of a grid
constexpr std::size_t grid = 48;

struct Pair {
  double x, y;
};

// Between quantiles, widened by the half of their distance, but not beyond the values.
std::pair<double, double> range_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
  };
  const double low = at(0.005), high = at(0.995), room = (high - low) / 2;
  return {std::max(values.front(), low - room), std::min(values.back(), high + room)};
}

void draw_cells(Svg& svg, const Frame& frame, const std::vector<Pair>& pairs) {
  std::array<std::array<std::size_t, grid>, grid> counts{};
  const auto cell = [](double at, double from, double to) {
    return static_cast<std::size_t>(std::clamp((at - from) / (to - from) * grid, 0.0, grid - 1.0));
  };
  std::size_t most = 1;
  for (const Pair& pair : pairs) {
    std::size_t& count = counts[cell(frame.y(pair.y), frame.top(), frame.bottom())]
                               [cell(frame.x(pair.x), frame.left(), frame.right())];
    most = std::max(most, ++count);
  }
  const double wide = (frame.right() - frame.left()) / grid, high = (frame.bottom() - frame.top()) / grid;
  for (std::size_t row = 0; row < grid; ++row) {
    for (std::size_t column = 0; column < grid; ++column) {
      if (counts[row][column] == 0) continue;
      // By the logarithm: few rows are seen beside many.
      const double share =
          most > 1 ? std::log(static_cast<double>(counts[row][column])) / std::log(static_cast<double>(most))
                   : 1;
      svg.rect(fmt::format("q{}", 1 + static_cast<int>(std::lround(share * 6))),
               frame.left() + static_cast<double>(column) * wide,
               frame.top() + static_cast<double>(row) * high, wide + 0.2, high + 0.2);
    }
  }
}

void draw_pairs(Svg& svg, const Frame& frame, const std::vector<Pair>& pairs) {
  if (pairs.size() > most_dots) {
    draw_cells(svg, frame, pairs);
    return;
  }
  chart::Path dots;
  for (const Pair& pair : pairs) dots.dash(frame.x(pair.x), frame.y(pair.y));
  svg.path("dot small k0", dots.d());
}

std::vector<Pair> pairs_of(const std::vector<double>& x, const std::vector<double>& y) {
  std::vector<Pair> pairs(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) pairs[i] = {x[i], y[i]};
  return pairs;
}

std::string of_element(const Results& results, std::size_t element) {
  return results.width == 1 ? "" : fmt::format(", value {} of {}", element + 1, results.width);
}

std::string drawn_note(std::size_t rows) {
  return rows > most_dots ? fmt::format("The stronger a cell's colour, the more of the {} rows are in it.",
                                        chart::with_commas(rows))
                          : "";
}

constexpr const char* beyond_note = "What is far out is drawn at the edge.";

chart::Panel residuals_by_prediction(const NumberValues& values) {
  const auto [low, high] = range_of(values.predicted);
  auto [down, up] = range_of(values.residuals);
  down = std::min(down, 0.0);
  up = std::max(up, 0.0);
  Svg svg;
  const Frame frame(svg, panel_width, 240, Axis{.title = "prediction", .low = low, .high = high},
                    Axis{.title = "prediction - y", .low = down, .high = up});
  frame.draw_title(svg, panel_width);
  draw_pairs(svg, frame, pairs_of(values.predicted, values.residuals));
  svg.line("cut", frame.left(), frame.y(0), frame.right(), frame.y(0));
  return {panel_width, 240, "Differences by prediction", svg.take()};
}

chart::Panel residual_histogram(const NumberValues& values, std::span<const double> weights) {
  constexpr std::size_t cells = 40;
  const Histogram histogram = histogram_of(values.residuals, weights, cells);
  const double most = *std::max_element(histogram.counts.begin(), histogram.counts.end());
  Svg svg;
  const Frame frame(
      svg, panel_width, 170,
      Axis{.title = "prediction - y", .low = histogram.low, .high = histogram.high, .pad = false},
      Axis{.title = weights.empty() ? "rows" : "weight",
           .high = most,
           .whole = weights.empty(),
           .pad = false});
  frame.draw_title(svg, panel_width);
  const double step = (histogram.high - histogram.low) / cells;
  for (std::size_t i = 0; i < cells; ++i) {
    if (histogram.counts[i] == 0) continue;
    const double left = frame.x(histogram.low + static_cast<double>(i) * step),
                 right = frame.x(histogram.low + static_cast<double>(i + 1) * step);
    const double top = std::min(frame.y(histogram.counts[i]), frame.bottom() - 1);
    svg.rect("bar", left + 0.5, top, right - left - 1, frame.bottom() - top);
  }
  if (histogram.low <= 0 && histogram.high >= 0)
    svg.line("cut", frame.x(0), frame.top(), frame.x(0), frame.bottom());
  return {panel_width, 170, "How differences are distributed", svg.take()};
}

}  // namespace

NumberValues number_values(const Results& results, std::size_t element) {
  // So that differences, and differences of these, stay finite.
  constexpr double most = 1e300;
  const auto limited = [=](double value) { return std::clamp(value, -most, most); };
  NumberValues values;
  const auto width = static_cast<std::size_t>(results.width);
  for (std::size_t at = element; at < results.kept.wanted.size(); at += width) {
    values.predicted.push_back(limited(results.kept.outputs[at]));
    values.wanted.push_back(limited(results.kept.wanted[at]));
    values.residuals.push_back(limited(results.kept.outputs[at] - results.kept.wanted[at]));
  }
  return values;
}

Histogram histogram_of(std::vector<double> values, std::span<const double> weights, std::size_t cells) {
  Histogram histogram;
  std::tie(histogram.low, histogram.high) = range_of(values);
  if (!(histogram.high > histogram.low)) {
    const double room = histogram.low == 0 ? 1 : std::abs(histogram.low) * 0.1;
    histogram.low -= room;
    histogram.high += room;
  }
  histogram.counts.resize(cells);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double place =
        (values[i] - histogram.low) / (histogram.high - histogram.low) * static_cast<double>(cells);
    histogram.counts[static_cast<std::size_t>(std::clamp(place, 0.0, static_cast<double>(cells) - 1))] +=
        weights.empty() ? 1 : weights[i];
  }
  return histogram;
}

ReportPicture prediction_picture(const Results& results, std::size_t element) {
  const NumberValues values = number_values(results, element);
  ReportPicture picture{.id = fmt::format("predictions-{}", element),
                        .title = "Predictions" + of_element(results, element)};
  std::vector<double> all = values.predicted;
  all.insert(all.end(), values.wanted.begin(), values.wanted.end());
  const auto [low, high] = range_of(std::move(all));
  Svg svg;
  const Frame frame(svg, panel_width, height, Axis{.title = "y", .low = low, .high = high},
                    Axis{.title = "prediction", .low = low, .high = high});
  frame.draw_title(svg, panel_width);
  draw_pairs(svg, frame, pairs_of(values.wanted, values.predicted));
  svg.line("cut", frame.x(low), frame.y(low), frame.x(high), frame.y(high));
  picture.panels.push_back({panel_width, height, "Prediction by y", svg.take()});
  picture.notes.emplace_back("On the dashed line predictions are right.");
  if (const std::string note = drawn_note(values.wanted.size()); !note.empty()) picture.notes.push_back(note);
  picture.notes.emplace_back(beyond_note);
  return picture;
}

ReportPicture residual_picture(const Results& results, std::size_t element) {
  const NumberValues values = number_values(results, element);
  ReportPicture picture{.id = fmt::format("residuals-{}", element),
                        .title = "Residuals" + of_element(results, element)};
  picture.panels.push_back(residual_histogram(values, results.kept.weights));
  picture.panels.push_back(residuals_by_prediction(values));
  picture.notes.emplace_back(beyond_note);
  return picture;
}

}  // namespace nn::evaluate
