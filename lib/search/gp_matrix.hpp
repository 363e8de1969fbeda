// The kernel's numbers, and matrices of them. For the files of the Gaussian process only.
#pragma once

#include <Eigen/Core>
#include <cmath>

#include "search/gp.hpp"

namespace nn::search::gp {

inline const double root5 = std::sqrt(5.0);

// Of squared distances, in units of the lengths.
inline Eigen::ArrayXd matern(const Eigen::ArrayXd& squared, double scale) {
  const Eigen::ArrayXd r = root5 * squared.sqrt();
  return scale * (1 + r + 5.0 / 3 * squared) * (-r).exp();
}
// Its derivative by the squared distance.
inline Eigen::ArrayXd matern_slope(const Eigen::ArrayXd& squared, double scale) {
  const Eigen::ArrayXd r = root5 * squared.sqrt();
  return -5.0 / 6 * scale * (1 + r) * (-r).exp();
}

// Squared differences in a coordinate from a value; of a category 1 where they are unequal.
inline Eigen::ArrayXd squared_differences(const Eigen::ArrayXd& column, double value, bool is_category) {
  if (is_category) return (column != value).cast<double>();
  return (column - value).square();
}

// The inverse of a lower triangular matrix, in place.
void invert_lower(Eigen::Ref<Eigen::MatrixXd> lower);

}  // namespace nn::search::gp
