// Points of a space as vectors: a coordinate for each parameter that has more than one value. For this module
// only.
#pragma once

#include <Eigen/Core>
#include <cstddef>
#include <vector>

#include "search/space.hpp"

namespace nn::search {

class Cube {
 public:
  struct Axis {
    std::size_t parameter;
    bool is_category;
    bool is_log;
    double low, high;   // of values, or of their logarithms; of grids half a step more at both ends
    double count;       // of values; 0: any
    bool is_condition;  // whether others are there depends on it
  };

  // The space is not copied.
  explicit Cube(const Space& space);

  const std::vector<Axis>& axes() const { return axes_; }
  Eigen::Index size() const { return static_cast<Eigen::Index>(axes_.size()); }
  bool has_categories() const;
  // A number's coordinate is from 0 to 1, a category's its place. What isn't there is in the middle, or a
  // category of its own.
  Eigen::VectorXd to_cube(const Point& point) const;
  // Values on grids, and what isn't there under the others' values left out.
  Point to_point(const Eigen::VectorXd& x) const;

 private:
  const Space& space_;
  std::vector<Axis> axes_;
};

}  // namespace nn::search
