#include "search/gp.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <utility>

#include "search/gp_matrix.hpp"

namespace nn::search {
namespace {

using Eigen::ArrayXd;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double least_variance = 1e-12;
constexpr Index block_of_points = 128;  // what is computed at once stays in the cache

MatrixXd kernel_matrix(const GpInputs& inputs, const GpKernel& kernel) {
  const Index n = inputs.points.rows();
  MatrixXd matrix(n, n);
  for (Index a = 0; a < n; ++a) {
    ArrayXd squared = ArrayXd::Zero(n - a);
    for (Index i = 0; i < inputs.points.cols(); ++i) {
      const ArrayXd column = inputs.points.col(i).tail(n - a).array();
      squared += kernel.inverse_squared_lengths[i] *
                 gp::squared_differences(column, column[0], inputs.is_category[static_cast<std::size_t>(i)]);
    }
    matrix.col(a).tail(n - a) = gp::matern(squared, kernel.scale).matrix();
    matrix(a, a) += kernel.noise;
  }
  return matrix;
}

}  // namespace

namespace gp {

void invert_lower(Eigen::Ref<MatrixXd> lower) {
  const Index n = lower.rows(), half = n / 2;
  if (n <= 32) {
    for (Index column = 0; column < n; ++column) {
      lower(column, column) = 1 / lower(column, column);
      for (Index row = column + 1; row < n; ++row) {
        const double sum =
            lower.row(row).segment(column, row - column).dot(lower.col(column).segment(column, row - column));
        lower(row, column) = -sum / lower(row, row);
      }
    }
    return;
  }
  // [A 0; C B]^-1 = [A^-1 0; -B^-1 C A^-1  B^-1]
  auto a = lower.topLeftCorner(half, half);
  auto b = lower.bottomRightCorner(n - half, n - half);
  auto c = lower.bottomLeftCorner(n - half, half);
  invert_lower(a);
  invert_lower(b);
  const MatrixXd right = c * a.triangularView<Eigen::Lower>();
  c.noalias() = -(b.triangularView<Eigen::Lower>() * right);
}

}  // namespace gp

GaussianProcess::GaussianProcess(GpInputs inputs, const VectorXd& y, GpKernel kernel)
    : inputs_(std::move(inputs)), kernel_(std::move(kernel)), y_(y) {
  const Eigen::LLT<MatrixXd> factor(kernel_matrix(inputs_, kernel_));
  inverse_lower_ = factor.matrixL();
  gp::invert_lower(inverse_lower_);
  const VectorXd half = inverse_lower_.triangularView<Eigen::Lower>() * y_;
  weights_ = inverse_lower_.triangularView<Eigen::Lower>().transpose() * half;
}

ArrayXd GaussianProcess::squared_distances(const VectorXd& point) const {
  ArrayXd squared = ArrayXd::Zero(inputs_.points.rows());
  for (Index i = 0; i < point.size(); ++i) {
    squared += kernel_.inverse_squared_lengths[i] *
               gp::squared_differences(inputs_.points.col(i).array(), point[i],
                                       inputs_.is_category[static_cast<std::size_t>(i)]);
  }
  return squared;
}

GaussianProcess::Belief GaussianProcess::at(const VectorXd& point) const {
  const VectorXd k = gp::matern(squared_distances(point), kernel_.scale).matrix();
  const VectorXd half = inverse_lower_.triangularView<Eigen::Lower>() * k;
  return {k.dot(weights_), std::max(kernel_.scale - half.squaredNorm(), least_variance)};
}

GaussianProcess::Belief GaussianProcess::at(const VectorXd& point, VectorXd& mean_gradient,
                                            VectorXd& variance_gradient) const {
  const ArrayXd squared = squared_distances(point);
  const VectorXd k = gp::matern(squared, kernel_.scale).matrix();
  const ArrayXd slope = gp::matern_slope(squared, kernel_.scale);
  const VectorXd half = inverse_lower_.triangularView<Eigen::Lower>() * k;
  const VectorXd solved = inverse_lower_.triangularView<Eigen::Lower>().transpose() * half;
  for (Index i = 0; i < point.size(); ++i) {
    if (inputs_.is_category[static_cast<std::size_t>(i)]) {
      mean_gradient[i] = variance_gradient[i] = 0;
      continue;
    }
    const ArrayXd change =
        2 * kernel_.inverse_squared_lengths[i] * slope * (point[i] - inputs_.points.col(i).array());
    mean_gradient[i] = change.matrix().dot(weights_);
    variance_gradient[i] = -2 * change.matrix().dot(solved);
  }
  return {k.dot(weights_), std::max(kernel_.scale - half.squaredNorm(), least_variance)};
}

void GaussianProcess::at(const MatrixXd& points, ArrayXd& means, ArrayXd& variances) const {
  const Index n = inputs_.points.rows(), count = points.rows();
  means.resize(count);
  variances.resize(count);
  MatrixXd k(n, block_of_points);
  for (Index begin = 0; begin < count; begin += block_of_points) {
    const Index size = std::min(block_of_points, count - begin);
    for (Index p = 0; p < size; ++p) {
      k.col(p) = gp::matern(squared_distances(points.row(begin + p).transpose()), kernel_.scale).matrix();
    }
    const auto used = k.leftCols(size);
    means.segment(begin, size) = (used.transpose() * weights_).array();
    const MatrixXd half = inverse_lower_.triangularView<Eigen::Lower>() * used;
    variances.segment(begin, size) =
        (kernel_.scale - half.colwise().squaredNorm().transpose().array()).max(least_variance);
  }
}

GaussianProcess GaussianProcess::believing(const MatrixXd& points) const {
  if (points.rows() == 0) return *this;
  ArrayXd means, variances;
  at(points, means, variances);
  GpInputs inputs = inputs_;
  const Index known = inputs.points.rows();
  inputs.points.conservativeResize(known + points.rows(), Eigen::NoChange);
  inputs.points.bottomRows(points.rows()) = points;
  VectorXd y(known + points.rows());
  y << y_, means.matrix();
  return {std::move(inputs), y, kernel_};
}

}  // namespace nn::search
