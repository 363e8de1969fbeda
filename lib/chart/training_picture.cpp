#include "chart/training_picture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chart/axes.hpp"
#include "chart/document.hpp"

namespace nn::chart {
namespace {

constexpr std::size_t most_points = 500;  // of a curve
constexpr double height = 320;

using Values = std::vector<double> TrainingCurve::*;

bool any_finite(const std::vector<double>& values) {
  return std::any_of(values.begin(), values.end(), [](double value) { return std::isfinite(value); });
}

// A line through what is finite, with gaps elsewhere; a single value is a dot.
std::string path_of(const TrainingCurve& curve, Values values, const Frame& frame) {
  const std::vector<double>& all = curve.*values;
  Path path;
  bool drawing = false;
  for (const std::size_t i : thinned(all.size(), {}, most_points)) {
    if (!std::isfinite(all[i])) {
      drawing = false;
      continue;
    }
    const double x = frame.x(static_cast<double>(curve.first_epoch + i)), y = frame.y(all[i]);
    drawing ? path.line(x, y) : path.move(x, y);
    const bool alone = !drawing && (i + 1 == all.size() || !std::isfinite(all[i + 1]));
    if (alone) path.line(x + 0.1, y);
    drawing = true;
  }
  return path.d();
}

struct Line {
  Values values;
  const char* classes;
  const char* name;
};

// The axis of what is drawn, by logarithms where that is over more than one and a half powers of ten. What is
// far below all that members are compared by, as a loss on rows that were learned by heart, goes to its edge.
Axis value_axis(const TrainingCurves& curves, const std::vector<std::size_t>& drawn,
                const std::vector<Line>& lines, std::string title) {
  double low = INFINITY, high = -INFINITY, compared = INFINITY;
  const auto add = [&](const std::vector<double>& values, bool is_compared) {
    for (const double value : values) {
      if (!std::isfinite(value)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
      if (is_compared) compared = std::min(compared, value);
    }
  };
  for (const std::size_t m : drawn) {
    add(curves.members[m].*lines.back().values, true);
    if (m != curves.best) continue;
    for (const Line& line : lines) add(curves.members[m].*line.values, false);
  }
  constexpr double many_times = 30, far_below = 1e-4;
  if (compared > 0 && low < far_below * compared) low = far_below * compared;
  Axis axis{.title = std::move(title), .low = low, .high = high};
  if (low > 0 && high > many_times * low) axis.is = Scale::Is::log;
  return axis;
}

Axis epoch_axis(const TrainingCurves& curves) {
  std::uint64_t first = UINT64_MAX, last = 1;
  for (const TrainingCurve& curve : curves.members) {
    if (curve.loss.empty()) continue;
    first = std::min(first, curve.first_epoch);
    last = std::max<std::uint64_t>(last, curve.first_epoch + curve.loss.size() - 1);
  }
  return {.title = "epoch",
          .low = static_cast<double>(std::min(first, last)),
          .high = static_cast<double>(last),
          .whole = true};
}

// The best epoch: a line across, a ring at its value, and its number.
void mark_best(const TrainingCurve& curve, Values values, const Frame& frame, Svg& svg) {
  if (curve.best_epoch < curve.first_epoch) return;
  const std::size_t place = curve.best_epoch - curve.first_epoch;
  const std::vector<double>& all = curve.*values;
  if (place >= all.size() || !std::isfinite(all[place])) return;
  const double x = frame.x(static_cast<double>(curve.best_epoch)), y = frame.y(all[place]);
  svg.line("cut", x, frame.top(), x, frame.bottom());
  svg.circle("ring", x, y, 4.5);
  const std::string text = fmt::format("epoch {}: {}", curve.best_epoch, short_number(all[place], 4));
  const bool at_right = x + 8 + text_width(text, font_size) > frame.right();
  const bool is_high = y < (frame.top() + frame.bottom()) / 2;
  svg.text("label halo-text", at_right ? x - 8 : x + 8, is_high ? y + 20 : y - 10, text,
           at_right ? Anchor::end : Anchor::start);
}

Panel panel_of(const TrainingCurves& curves, const std::vector<std::size_t>& drawn,
               const std::vector<Line>& lines, const std::string& title, double width) {
  Panel panel{.width = width, .height = height, .title = title + " by epoch", .body = {}};
  Svg svg;
  const Frame frame(svg, panel.width, panel.height, epoch_axis(curves),
                    value_axis(curves, drawn, lines, title));
  const TrainingCurve& best = curves.members[curves.best];
  // Of the others the last kind of line, which members are compared by.
  for (const std::size_t m : drawn) {
    if (m == curves.best) continue;
    const std::string d = path_of(curves.members[m], lines.back().values, frame);
    if (!d.empty()) svg.path("curve pruned", d);
  }
  std::vector<LegendEntry> legend;
  for (const Line& line : lines) {
    const std::string d = path_of(best, line.values, frame);
    if (d.empty()) continue;
    svg.path(line.classes, d);
    legend.push_back({line.classes, line.name, LegendEntry::Mark::line});
  }
  mark_best(best, lines.back().values, frame, svg);
  if (drawn.size() > 1) legend.push_back({"curve pruned", "other members", LegendEntry::Mark::line});
  frame.draw_title(svg, draw_legend(svg, panel.width - 12, legend));
  panel.body = svg.take();
  return panel;
}

}  // namespace

std::string training_svg(const TrainingCurves& curves) {
  Picture picture{.section = Section::curves, .title = curves.title};
  const bool any = std::any_of(curves.members.begin(), curves.members.end(),
                               [](const TrainingCurve& curve) { return any_finite(curve.loss); });
  if (!any) {
    picture.lacking = "It takes an epoch that has ended.";
    return svg_document(curves.title, {picture}, "a training");
  }
  const auto drawn = thinned(curves.members.size(), {curves.best}, most_curves);
  const TrainingCurve& best = curves.members[curves.best];
  const bool validated = any_finite(best.val_loss), has_metric = any_finite(best.metric);
  std::vector<Line> losses{{&TrainingCurve::loss, "line complete", "loss"}};
  if (validated) losses.push_back({&TrainingCurve::val_loss, "line best", "val_loss"});
  picture.panels.push_back(panel_of(curves, drawn, losses, "loss", has_metric ? half : wide));
  if (has_metric) {
    picture.panels.push_back(panel_of(curves, drawn,
                                      {{&TrainingCurve::metric, "line running", curves.metric.c_str()}},
                                      curves.metric, half));
  }
  if (!curves.best_name.empty())
    picture.notes.push_back(
        fmt::format("On top is the best of {} members, {}.", curves.members.size(), curves.best_name));
  if (drawn.size() < curves.members.size())
    picture.notes.push_back(thinning_note(drawn.size(), curves.members.size(), "members"));
  if (best.first_epoch > 1) {
    picture.notes.push_back(
        fmt::format("The run went on after epoch {}; what was before isn't drawn.", best.first_epoch - 1));
  }
  return svg_document(curves.title, {picture}, "a training");
}

}  // namespace nn::chart
