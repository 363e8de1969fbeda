#include "chart/axes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace nn::chart {
namespace {

constexpr double title_line = 14;  // the baseline of the title over the frame
constexpr double frame_top = 28, frame_bottom = 42;
constexpr double pixels_per_tick = 40;

}  // namespace

Axis axis_of(const Dimension& dimension) {
  Axis axis{.title = dimension.name, .low = dimension.low, .high = dimension.high, .whole = dimension.whole};
  axis.labels = dimension.labels;
  axis.is = dimension.has_labels() ? Scale::Is::category : dimension.log ? Scale::Is::log : Scale::Is::linear;
  return axis;
}

Axis axis_of(const Goal& goal, const std::vector<double>& values, double spreads) {
  Axis axis{.title = fmt::format("{} ({} is better)", goal.name, goal.maximize ? "higher" : "lower")};
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  const Span span = robust_span(sorted, goal.maximize, spreads);
  constexpr std::size_t few = 5;
  constexpr double many_times = 100;
  if (!goal.maximize && sorted.size() >= few && sorted.front() > 0 &&
      span.high / sorted.front() > many_times) {
    axis.is = Scale::Is::log;
    axis.low = sorted.front();
    axis.high = sorted.back();
    return axis;
  }
  axis.low = span.low;
  axis.high = span.high;
  axis.beyond = span.beyond;
  return axis;
}

std::string note_of(const Axis& axis) {
  if (axis.beyond == 0) return {};
  return axis.beyond == 1 ? "One value is far worse than the others, and is drawn at the edge."
                          : fmt::format("{} values are far worse than the others, and are drawn at the edge.",
                                        axis.beyond);
}

Scale Frame::scale_of(const Axis& axis, double from, double to) {
  if (axis.is == Scale::Is::category) return {axis.labels, from, to};
  Scale bare(axis.is, axis.low, axis.high, from, to, axis.whole);
  if (!axis.pad) return bare;
  constexpr double room = 0.035;
  return {
      axis.is,   bare.value_at(from - (to - from) * room), bare.value_at(to + (to - from) * room), from, to,
      axis.whole};
}

Frame::Frame(Svg& svg, double width, double height, const Axis& x, const Axis& y)
    : title_(y.title + (y.is == Scale::Is::log ? ", log" : "")),
      y_(scale_of(y, height - frame_bottom, frame_top)),
      x_(y_) {
  const auto ticks =
      y_.ticks(std::max(2, static_cast<int>((height - frame_bottom - frame_top) / pixels_per_tick)));
  double widest = 0;
  for (const Tick& tick : ticks) widest = std::max(widest, text_width(tick.label, font_size));
  const double left = std::min(std::max(widest + 12, 30.0), width * 0.4);
  x_ = scale_of(x, left, width - 12);
  draw_y(svg, y, ticks);
  draw_x(svg, x);
}

void Frame::draw_title(Svg& svg, double until) const {
  svg.text("label", 0, title_line, title_, Anchor::start, until - 12);
}

double Frame::x(double value) const { return std::clamp(x_(value), left(), right()); }
double Frame::y(double value) const { return std::clamp(y_(value), top(), bottom()); }

void Frame::draw_y(Svg& svg, const Axis& axis, const std::vector<Tick>& ticks) const {
  const double room = left() - 10;
  double last = 1e9;
  for (const Tick& tick : ticks) {
    const double at = y_(tick.value);
    if (at < top() - 0.5 || at > bottom() + 0.5) continue;
    if (axis.is != Scale::Is::category) svg.line("grid", left(), at, right(), at);
    if (tick.label.empty() || last - at < font_size) continue;
    svg.text("tick", left() - 7, at + 4, tick.label, Anchor::end, room);
    last = at;
  }
}

void Frame::draw_x(Svg& svg, const Axis& axis) const {
  const double wide = right() - left();
  const auto ticks = x_.ticks(std::max(2, static_cast<int>(wide / 80)));
  svg.line("axis", left(), bottom(), right(), bottom());
  double last = -1e9;
  const double room = axis.is == Scale::Is::category
                          ? std::max(wide / std::max<double>(1, static_cast<double>(ticks.size())) - 4, 34.0)
                          : 90;
  for (const Tick& tick : ticks) {
    const double at = x_(tick.value);
    if (at < left() - 0.5 || at > right() + 0.5) continue;
    svg.line("axis", at, bottom(), at, bottom() + 4);
    const double half = std::min(text_width(tick.label, font_size), room) / 2;
    if (tick.label.empty() || at - half < last + 5) continue;
    const double shown = std::min(std::max(at, half), right() + 12 - half);
    svg.text("tick", shown, bottom() + 17, tick.label, Anchor::middle, room);
    last = shown + half;
  }
  const std::string_view log = axis.is == Scale::Is::log ? ", log" : "";
  svg.text("label", (left() + right()) / 2, bottom() + 35,
           fmt::format("{}{}", fitted(axis.title, wide - 30, font_size), log), Anchor::middle);
}

double draw_legend(Svg& svg, double right, const std::vector<LegendEntry>& entries) {
  double at = right;
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    const double begin = at - text_width(entry->text, font_size);
    svg.text("legend", begin, title_line, entry->text);
    const double middle = begin - 9, y = title_line - 4;
    switch (entry->mark) {
      case LegendEntry::Mark::dot: {
        Path path;
        path.dash(middle, y);
        svg.path(fmt::format("key {}", entry->classes), path.d());
        break;
      }
      case LegendEntry::Mark::line: svg.line(entry->classes, middle - 7, y, middle + 5, y); break;
      case LegendEntry::Mark::cross: svg.path(entry->classes, cross_at(middle, y)); break;
      case LegendEntry::Mark::ring: svg.circle(entry->classes, middle, y, 4.5); break;
    }
    at = begin - (entry->mark == LegendEntry::Mark::line ? 30 : 26);
  }
  return at;
}

std::string cross_at(double x, double y) {
  return fmt::format("M{} {}l5 5m0-5l-5 5", Svg::number(x - 2.5), Svg::number(y - 2.5));
}

}  // namespace nn::chart
