// The frame of a picture with two axes: scales, grid, ticks, titles, legend.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "chart/results.hpp"
#include "chart/scale.hpp"
#include "chart/svg.hpp"

namespace nn::chart {

// What goes along an axis.
struct Axis {
  std::string title = {};
  Scale::Is is = Scale::Is::linear;
  double low = 0, high = 1;
  bool whole = false;
  std::vector<std::string> labels = {};  // of categories
  std::size_t beyond = 0;                // values that are out of it, and are drawn at its edge
  bool pad = true;                       // some room at both ends
};

Axis axis_of(const Dimension& dimension);
// For a goal's values, which are finite: logarithmic where they are over several powers of ten and less is
// better, and otherwise without those that are far worse than the others.
Axis axis_of(const Goal& goal, const std::vector<double>& values, double spreads = 4);
// "3 are far worse than the others and are drawn at the edge." or nothing.
std::string note_of(const Axis& axis);

// Draws the frame. Places are clamped into it.
class Frame {
 public:
  // Of the whole picture; the frame's own ends follow from labels.
  Frame(Svg& svg, double width, double height, const Axis& x, const Axis& y);
  // The y axis' title, over the frame, cut where it would go beyond `until`.
  void draw_title(Svg& svg, double until) const;
  double x(double value) const;
  double y(double value) const;
  double left() const { return x_.from(); }
  double right() const { return x_.to(); }
  double top() const { return y_.to(); }
  double bottom() const { return y_.from(); }

 private:
  static Scale scale_of(const Axis& axis, double from, double to);
  void draw_x(Svg& svg, const Axis& axis) const;
  void draw_y(Svg& svg, const Axis& axis, const std::vector<Tick>& ticks) const;
  std::string title_;
  Scale y_, x_;  // in the order of making
};

struct LegendEntry {
  std::string_view classes;  // of the mark
  std::string_view text;
  enum class Mark { dot, line, cross, ring } mark = Mark::dot;
};
// To the left of `right`, on the line of the y axis' title; where it begins.
double draw_legend(Svg& svg, double right, const std::vector<LegendEntry>& entries);

// A small cross, for what has failed.
std::string cross_at(double x, double y);

}  // namespace nn::chart
