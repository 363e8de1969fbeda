#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chart/axes.hpp"
#include "chart/svg.hpp"
#include "evaluate/pictures.hpp"

namespace nn::evaluate {
namespace {

using chart::Axis;
using chart::Frame;
using chart::Svg;

// Where the share of right answers is with 95 %, by so many rows: Wilson's interval (1927).
Interval wilson(double share, double rows) {
  constexpr double z = 1.959963984540054;
  const double below = 1 + z * z / rows, middle = (share + z * z / (2 * rows)) / below;
  const double room = z / below * std::sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows));
  return {std::max(0.0, middle - room), std::min(1.0, middle + room)};
}

// The first bin that has rows is where both panels begin.
double lowest(const ClassReport& report) {
  for (std::size_t b = 0; b < report.bins.size(); ++b) {
    if (report.bins[b].weight > 0)
      return std::floor(10 * static_cast<double>(b) / static_cast<double>(report.bins.size())) / 10;
  }
  return 0;
}

chart::Panel reliability(const ClassReport& report, double low) {
  constexpr double height = 330;
  Svg svg;
  const Frame frame(svg, panel_width, height, Axis{.title = "mean confidence", .low = low, .pad = false},
                    Axis{.title = "share of right answers", .pad = false});
  frame.draw_title(svg, panel_width);
  svg.line("cut", frame.x(low), frame.y(low), frame.x(1), frame.y(1));
  chart::Path line, dots;
  for (const CalibrationBin& bin : report.bins) {
    if (bin.weight == 0) continue;
    const double x = frame.x(std::min(bin.confidence, 1.0));
    const Interval interval = wilson(bin.accuracy, static_cast<double>(bin.rows));
    svg.line("span-of", x, frame.y(interval.low), x, frame.y(interval.high));
    if (line.empty()) {
      line.move(x, frame.y(bin.accuracy));
    } else {
      line.line(x, frame.y(bin.accuracy));
    }
    dots.dash(x, frame.y(bin.accuracy));
  }
  svg.path("line k0", line.d());
  svg.path("dot big k0", dots.d());
  return {panel_width, height, "Share of right answers by confidence", svg.take()};
}

chart::Panel confidences(const ClassReport& report, double low) {
  constexpr double height = 330;
  double most = 0;
  for (const CalibrationBin& bin : report.bins) most = std::max(most, static_cast<double>(bin.rows));
  Svg svg;
  const Frame frame(svg, panel_width, height, Axis{.title = "confidence", .low = low, .pad = false},
                    Axis{.title = "rows", .high = most, .whole = true, .pad = false});
  frame.draw_title(svg, panel_width);
  const auto bins = static_cast<double>(report.bins.size());
  for (std::size_t b = 0; b < report.bins.size(); ++b) {
    if (report.bins[b].rows == 0) continue;
    const double left = frame.x(static_cast<double>(b) / bins),
                 right = frame.x(static_cast<double>(b + 1) / bins);
    const double top = std::min(frame.y(static_cast<double>(report.bins[b].rows)), frame.bottom() - 1);
    svg.rect("bar", left + 0.5, top, right - left - 1, frame.bottom() - top);
  }
  return {panel_width, height, "Rows by confidence", svg.take()};
}

}  // namespace

ReportPicture calibration_picture(const Results& results) {
  ReportPicture picture{.id = "calibration", .title = "Calibration", .wide = true};
  const double low = lowest(results.classes);
  picture.panels.push_back(reliability(results.classes, low));
  picture.panels.push_back(confidences(results.classes, low));
  picture.notes.push_back(fmt::format(
      "Confidence is the largest probability; bins without rows are left out. Dots on the dashed line are "
      "as sure as they may be; strokes are where the share is with 95 %. The calibration error is {:.4f}.",
      results.classes.calibration_error.value_or(0)));
  return picture;
}

}  // namespace nn::evaluate
