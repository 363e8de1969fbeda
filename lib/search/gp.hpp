// Gaussian process regression with a Matern-5/2 kernel that has a length for each coordinate, as Optuna's
// GPSampler has it. Rasmussen and Williams, Gaussian Processes for Machine Learning, chapters 2 and 5. For
// this module only.
#pragma once

#include <Eigen/Core>
#include <vector>

namespace nn::search {

// A point a row. Coordinates of numbers lie in [0, 1]; of categories they are equal or not.
struct GpInputs {
  Eigen::MatrixXd points;
  std::vector<bool> is_category;  // by coordinate
};

// k(a, b) = scale (1 + sqrt(5) r + 5/3 r^2) exp(-sqrt(5) r), where r^2 is the sum over coordinates of inverse
// squared length times squared difference; on the diagonal of observations `noise` is added.
struct GpKernel {
  Eigen::ArrayXd inverse_squared_lengths;
  double scale = 1, noise = 1e-2;
};

// A kernel of the greatest posterior probability, with Optuna's priors on its numbers.
struct GpFit {
  GpKernel kernel;
  double log_posterior;  // of kernel and y; comparable for equal inputs
};
// `y` has mean 0 and variance 1, and two values at least. The time is that of some tens of factorisations.
GpFit fit_kernel(const GpInputs& inputs, const Eigen::VectorXd& y);
// From a kernel that was fitted to a part of the points, in a few steps.
GpFit refine_kernel(const GpInputs& inputs, const Eigen::VectorXd& y, const GpKernel& kernel);

// What is known of a function after its observations.
class GaussianProcess {
 public:
  GaussianProcess(GpInputs inputs, const Eigen::VectorXd& y, GpKernel kernel);

  struct Belief {
    double mean, variance;  // of the function, without noise
  };
  Belief at(const Eigen::VectorXd& point) const;
  // With the derivatives by coordinates, which of categories are 0.
  Belief at(const Eigen::VectorXd& point, Eigen::VectorXd& mean_gradient,
            Eigen::VectorXd& variance_gradient) const;
  // Of many points, one a row.
  void at(const Eigen::MatrixXd& points, Eigen::ArrayXd& means, Eigen::ArrayXd& variances) const;

  // As if observed there were what is expected: beliefs about the mean stay, the variance shrinks.
  GaussianProcess believing(const Eigen::MatrixXd& points) const;
  const GpKernel& kernel() const { return kernel_; }

 private:
  Eigen::ArrayXd squared_distances(const Eigen::VectorXd& point) const;

  GpInputs inputs_;
  GpKernel kernel_;
  Eigen::VectorXd y_, weights_;    // K^-1 y
  Eigen::MatrixXd inverse_lower_;  // of K's Cholesky factor
};

}  // namespace nn::search
