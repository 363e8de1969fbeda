#include "chart/field.hpp"

#include <cmath>

#include "chart/svg.hpp"

namespace nn::chart {
namespace {

struct Corner {
  double x, y, value;
};

// The part of a cell where the plane over its border is at least `level`: each side is cut where the level
// is.
void add_part(Path& path, const std::array<Corner, 4>& corners, double level) {
  bool begun = false;
  const auto to = [&](double x, double y) {
    begun ? path.line(x, y) : path.move(x, y);
    begun = true;
  };
  for (std::size_t i = 0; i < corners.size(); ++i) {
    const Corner& a = corners[i];
    const Corner& b = corners[(i + 1) % corners.size()];
    if (a.value >= level) to(a.x, a.y);
    if ((a.value >= level) != (b.value >= level)) {
      const double share = (level - a.value) / (b.value - a.value);
      to(a.x + share * (b.x - a.x), a.y + share * (b.y - a.y));
    }
  }
  if (begun) path.close();
}

}  // namespace

Field interpolate(const std::vector<FieldPoint>& points, std::size_t columns, std::size_t rows) {
  Field field{columns, rows, std::vector<double>(columns * rows)};
  constexpr double softness = 4e-4;  // squared: what is nearer than a fiftieth is smoothed
  for (std::size_t row = 0; row < rows; ++row) {
    const double y = static_cast<double>(row) / static_cast<double>(rows - 1);
    for (std::size_t column = 0; column < columns; ++column) {
      const double x = static_cast<double>(column) / static_cast<double>(columns - 1);
      double sum = 0, weights = 0;
      for (const FieldPoint& p : points) {
        const double squared = (p.x - x) * (p.x - x) + (p.y - y) * (p.y - y) + softness;
        const double weight = 1 / (squared * std::sqrt(squared));
        sum += weight * p.value;
        weights += weight;
      }
      field.values[row * columns + column] = sum / weights;
    }
  }
  return field;
}

std::string area_above(const Field& field, double level, double left, double top, double right,
                       double bottom) {
  const double wide = (right - left) / static_cast<double>(field.columns - 1);
  const double high = (bottom - top) / static_cast<double>(field.rows - 1);
  Path path;
  for (std::size_t row = 0; row + 1 < field.rows; ++row) {
    const double y0 = top + high * static_cast<double>(row), y1 = y0 + high;
    // Whole cells beside each other are one piece.
    std::size_t whole_from = 0;
    std::size_t whole = 0;
    const auto end_whole = [&] {
      if (whole == 0) return;
      const double x0 = left + wide * static_cast<double>(whole_from),
                   x1 = x0 + wide * static_cast<double>(whole);
      path.move(x0, y0);
      path.line(x1, y0);
      path.line(x1, y1);
      path.line(x0, y1);
      path.close();
      whole = 0;
    };
    for (std::size_t column = 0; column + 1 < field.columns; ++column) {
      const double x0 = left + wide * static_cast<double>(column), x1 = x0 + wide;
      const std::array<Corner, 4> corners{
          Corner{x0, y0, field.at(column, row)}, Corner{x1, y0, field.at(column + 1, row)},
          Corner{x1, y1, field.at(column + 1, row + 1)}, Corner{x0, y1, field.at(column, row + 1)}};
      std::size_t above = 0;
      for (const Corner& corner : corners) above += corner.value >= level ? 1 : 0;
      if (above == corners.size()) {
        if (whole++ == 0) whole_from = column;
        continue;
      }
      end_whole();
      if (above > 0) add_part(path, corners, level);
    }
    end_whole();
  }
  return path.d();
}

}  // namespace nn::chart
