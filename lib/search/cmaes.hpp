// Covariance matrix adaptation (Hansen, "The CMA evolution strategy: a tutorial", arXiv 1604.00772), with
// active negative weights. For this module only.
#pragma once

#include <Eigen/Core>
#include <optional>
#include <vector>

#include "base/random.hpp"
#include "search/history.hpp"
#include "search/space.hpp"

namespace nn::search {

// The distribution that a search draws from. Coordinates are of any unit.
class Cmaes {
 public:
  Cmaes(Eigen::VectorXd mean, double sigma);
  // As good as if it had learned from these already: Nomura et al., "Warm starting CMA-ES", arXiv 2012.06932.
  // `sources` are the best points of another search in a unit cube, a point a row, at least one.
  static Cmaes warm_started(const Eigen::MatrixXd& sources);

  // How many points one step of learning takes.
  std::size_t population() const { return weights_.size(); }
  // Learns from as many points, the best first. They may be of an older distribution, or of none: what is far
  // out is taken as nearer (Hansen, "Injecting external solutions into CMA-ES", arXiv 1110.4181).
  void learn(const std::vector<Eigen::VectorXd>& points);
  Eigen::VectorXd draw(RandomStream& random) const;
  // Of a coordinate.
  double deviation(Eigen::Index i) const { return sigma_ * std::sqrt(covariance_(i, i)); }
  const Eigen::VectorXd& mean() const { return mean_; }

 private:
  void decompose();

  Eigen::VectorXd mean_;
  double sigma_;
  Eigen::MatrixXd covariance_, axes_;  // axes_: eigenvectors
  Eigen::VectorXd lengths_;            // square roots of eigenvalues
  Eigen::VectorXd sigma_path_, covariance_path_;
  std::vector<double> weights_;
  double effective_ = 0, sigma_rate_ = 0, damping_ = 0, path_rate_ = 0, rank_one_rate_ = 0, rank_rate_ = 0;
  double expected_length_ = 0;
  int steps_ = 0;
};

// Writes the numbers that are always there into a point whose other values come from elsewhere. The state is
// made anew from the history: the best tenth of the first `sources` trials that ended are where it begins,
// and it learns from the others in the order of their numbers. Without any it begins in the middle. Resampled
// until it is within the ranges. REQUIRES: one objective.
void cmaes_propose(const Space& space, const History& history, std::size_t sources, RandomStream& random,
                   Point& point);

}  // namespace nn::search
