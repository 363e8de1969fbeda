// A surface through scattered points, and the areas where it is above a level.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace nn::chart {

// Values at the corners of equal cells over a unit square: columns × rows, row by row.
struct Field {
  std::size_t columns, rows;
  std::vector<double> values;
  double at(std::size_t column, std::size_t row) const { return values[row * columns + column]; }
};

struct FieldPoint {
  double x, y, value;  // x and y from 0 to 1
};

// Between points their mean, weighted by inverse distance (Shepard's, exponent 3). `points` are not empty,
// and time is in proportion to points times corners.
Field interpolate(const std::vector<FieldPoint>& points, std::size_t columns, std::size_t rows);

// The area where the field is at least `level`, as a path in a rectangle; row 0 is at `top`.
std::string area_above(const Field& field, double level, double left, double top, double right,
                       double bottom);

}  // namespace nn::chart
