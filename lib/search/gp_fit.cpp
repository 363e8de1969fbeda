#include <Eigen/Cholesky>
#include <cmath>
#include <limits>

#include "search/gp.hpp"
#include "search/gp_matrix.hpp"
#include "search/lbfgs.hpp"

namespace nn::search {
namespace {

using Eigen::ArrayXd;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double least_noise = 1e-6;
constexpr double farthest = 15;  // of the logarithms of the kernel's numbers
constexpr LbfgsLimits whole_limits{.evaluations = 60, .gradient = 1e-2, .value = 1e-7};
constexpr LbfgsLimits refine_limits{.evaluations = 5, .gradient = 1e-2, .value = 1e-7};

// The negative logarithm of the posterior density of a kernel. Its variables are the logarithms of inverse
// squared lengths, of the scale, and of the noise over the least.
class Posterior {
 public:
  Posterior(const GpInputs& inputs, const VectorXd& y)
      : y_(y), n_(y.size()), dimensions_(inputs.points.cols()), differences_(n_ * (n_ - 1) / 2, dimensions_) {
    Index pair = 0;
    for (Index a = 0; a + 1 < n_; ++a) {
      const Index behind = n_ - a - 1;
      for (Index i = 0; i < dimensions_; ++i) {
        differences_.col(i).segment(pair, behind) =
            gp::squared_differences(inputs.points.col(i).tail(behind).array(), inputs.points(a, i),
                                    inputs.is_category[static_cast<std::size_t>(i)])
                .matrix();
      }
      pair += behind;
    }
  }

  double operator()(const VectorXd& x, VectorXd& gradient) const {
    const GpKernel kernel = kernel_of(x);
    const ArrayXd squared = (differences_ * kernel.inverse_squared_lengths.matrix()).array();
    const ArrayXd root = gp::root5 * squared.sqrt();
    const ArrayXd decay = kernel.scale * (-root).exp();
    const ArrayXd k = (1 + root + 5.0 / 3 * squared) * decay;
    MatrixXd matrix(n_, n_);
    Index pair = 0;
    for (Index a = 0; a < n_; ++a) {
      const Index behind = n_ - a - 1;
      matrix(a, a) = kernel.scale + kernel.noise;
      matrix.col(a).tail(behind) = k.segment(pair, behind).matrix();
      pair += behind;
    }
    const Eigen::LLT<Eigen::Ref<MatrixXd>> factor(matrix);
    if (factor.info() != Eigen::Success) return std::numeric_limits<double>::infinity();
    const double log_determinant = matrix.diagonal().array().log().sum();
    gp::invert_lower(matrix);
    const VectorXd half = matrix.triangularView<Eigen::Lower>() * y_;
    const VectorXd weights = matrix.triangularView<Eigen::Lower>().transpose() * half;
    // (weights weights^T - K^-1), by pairs and on the diagonal.
    MatrixXd inverse = MatrixXd::Zero(n_, n_);
    matrix.triangularView<Eigen::StrictlyUpper>().setZero();
    inverse.selfadjointView<Eigen::Lower>().rankUpdate(matrix.transpose());
    ArrayXd change(k.size());
    pair = 0;
    for (Index a = 0; a < n_; ++a) {
      const Index behind = n_ - a - 1;
      change.segment(pair, behind) =
          weights[a] * weights.tail(behind).array() - inverse.col(a).tail(behind).array();
      pair += behind;
    }
    const double diagonal = weights.squaredNorm() - inverse.diagonal().sum();
    const ArrayXd by_distance = change * (-5.0 / 6) * (1 + root) * decay;
    const VectorXd by_length = differences_.transpose() * by_distance.matrix();
    gradient.head(dimensions_) = -by_length;
    gradient[dimensions_] = -(diagonal / 2 + (change * k).sum() / kernel.scale);
    gradient[dimensions_ + 1] = -diagonal / 2;
    const double likelihood = half.squaredNorm() / 2 + log_determinant;
    return likelihood - add_priors(kernel, x, gradient);
  }

  static GpKernel kernel_of(const VectorXd& x) {
    const Index dimensions = x.size() - 2;
    return {x.head(dimensions).array().exp(), std::exp(x[dimensions]),
            least_noise + std::exp(x[dimensions + 1])};
  }
  static VectorXd variables_of(const GpKernel& kernel) {
    const Index dimensions = kernel.inverse_squared_lengths.size();
    VectorXd x(dimensions + 2);
    x << kernel.inverse_squared_lengths.log().matrix(), std::log(kernel.scale),
        std::log(kernel.noise - 0.99 * least_noise);
    return x;
  }

 private:
  // The logarithm of the priors' densities; the gradient, until here by the kernel's numbers, becomes that by
  // the variables. Priors as in Optuna's gp/prior.py: 1/10 (l + 1/l) for lengths, Gamma(2, 1) for the scale,
  // Gamma(1.1, 30) for the noise.
  double add_priors(const GpKernel& kernel, const VectorXd& x, VectorXd& gradient) const {
    const ArrayXd& l = kernel.inverse_squared_lengths;
    double prior = -(0.1 / l + 0.1 * l).sum();
    gradient.head(dimensions_).array() -= 0.1 / l.square() - 0.1;
    prior += std::log(kernel.scale) - kernel.scale;
    gradient[dimensions_] -= 1 / kernel.scale - 1;
    prior += 0.1 * std::log(kernel.noise) - 30 * kernel.noise;
    gradient[dimensions_ + 1] -= 0.1 / kernel.noise - 30;
    gradient.array() *= x.array().exp();
    return prior;
  }

  const VectorXd& y_;
  Index n_, dimensions_;
  MatrixXd differences_;  // squared; [pair][coordinate]
};

GpFit fit(const GpInputs& inputs, const VectorXd& y, const GpKernel& start, const LbfgsLimits& limits) {
  const Posterior posterior(inputs, y);
  const Index size = inputs.points.cols() + 2;
  const Minimum minimum =
      minimise([&](const VectorXd& x, VectorXd& gradient) { return posterior(x, gradient); },
               Posterior::variables_of(start), VectorXd::Constant(size, -farthest),
               VectorXd::Constant(size, farthest), limits);
  return {Posterior::kernel_of(minimum.x), -minimum.value};
}

}  // namespace

GpFit fit_kernel(const GpInputs& inputs, const VectorXd& y) {
  return fit(inputs, y, {.inverse_squared_lengths = ArrayXd::Ones(inputs.points.cols())}, whole_limits);
}

GpFit refine_kernel(const GpInputs& inputs, const VectorXd& y, const GpKernel& kernel) {
  return fit(inputs, y, kernel, refine_limits);
}

}  // namespace nn::search
