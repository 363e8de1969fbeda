#include "search/cube.hpp"

#include <algorithm>
#include <cmath>

#include "search/grid.hpp"

namespace nn::search {
namespace {

constexpr double middle = 0.5, category_of_none = -1;

Cube::Axis axis_of(const Space& space, std::size_t p) {
  const Parameter& parameter = space.parameters()[p];
  Cube::Axis axis{.parameter = p,
                  .is_category = parameter.is_categorical(),
                  .is_log = parameter.is_log(),
                  .low = parameter.low,
                  .high = parameter.high,
                  .count = static_cast<double>(parameter.count().value_or(0)),
                  .is_condition = false};
  double step = parameter.step;
  if (parameter.has_choices()) {
    axis.low = 0;
    axis.high = axis.count - 1;
    step = 1;
  }
  if (parameter.kind == ParameterKind::intlog) step = 1;
  axis.low -= step / 2;
  axis.high += step / 2;
  if (axis.is_log) {
    axis.low = std::log(axis.low);
    axis.high = std::log(axis.high);
  }
  for (const Parameter& other : space.parameters()) {
    axis.is_condition =
        axis.is_condition || std::any_of(other.conditions.begin(), other.conditions.end(),
                                         [p](const Condition& c) { return c.parameter == p; });
  }
  return axis;
}

}  // namespace

Cube::Cube(const Space& space) : space_(space) {
  for (std::size_t p = 0; p < space.size(); ++p) {
    if (!space.parameters()[p].is_single()) axes_.push_back(axis_of(space, p));
  }
}

bool Cube::has_categories() const {
  return std::any_of(axes_.begin(), axes_.end(), [](const Axis& a) { return a.is_category; });
}

Eigen::VectorXd Cube::to_cube(const Point& point) const {
  Eigen::VectorXd x(size());
  for (Eigen::Index i = 0; i < size(); ++i) {
    const Axis& axis = axes_[static_cast<std::size_t>(i)];
    const double value = point[axis.parameter];
    if (std::isnan(value)) {
      x[i] = axis.is_category ? category_of_none : middle;
    } else if (axis.is_category) {
      x[i] = value;
    } else {
      x[i] = ((axis.is_log ? std::log(value) : value) - axis.low) / (axis.high - axis.low);
    }
  }
  return x;
}

Point Cube::to_point(const Eigen::VectorXd& x) const {
  Point point(space_.size(), std::numeric_limits<double>::quiet_NaN());
  space_.settle(point);
  for (Eigen::Index i = 0; i < size(); ++i) {
    const Axis& axis = axes_[static_cast<std::size_t>(i)];
    const Parameter& parameter = space_.parameters()[axis.parameter];
    double value = x[i];
    if (!axis.is_category) {
      value = axis.low + value * (axis.high - axis.low);
      if (axis.is_log) value = std::exp(value);
    }
    if (parameter.has_choices()) {
      point[axis.parameter] = std::clamp(std::round(value), 0.0, axis.count - 1);
    } else {
      point[axis.parameter] = snapped(parameter, std::clamp(value, parameter.low, parameter.high));
    }
  }
  space_.settle(point);
  return point;
}

}  // namespace nn::search
