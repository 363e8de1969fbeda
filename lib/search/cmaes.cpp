#include "search/cmaes.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <utility>

#include "search/cube.hpp"
#include "search/losses.hpp"

namespace nn::search {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double first_sigma = 1.0 / 6;
constexpr double source_width = 0.1;  // what is assumed around each source of a warm start
constexpr int most_draws = 100;
constexpr double least_eigenvalue = 1e-14;
constexpr double least_cells = 0.3;  // the least deviation on a grid, so that its neighbours are still tried

}  // namespace

Cmaes::Cmaes(VectorXd mean, double sigma) : mean_(std::move(mean)), sigma_(sigma) {
  const auto d = static_cast<double>(mean_.size());
  const auto population = static_cast<std::size_t>(4 + std::floor(3 * std::log(d)));
  const std::size_t parents = population / 2;
  double sums[2] = {}, squares[2] = {};
  for (std::size_t i = 0; i < population; ++i) {
    weights_.push_back(std::log((static_cast<double>(population) + 1) / 2) -
                       std::log(static_cast<double>(i) + 1));
    sums[i < parents ? 0 : 1] += weights_[i];
    squares[i < parents ? 0 : 1] += weights_[i] * weights_[i];
  }
  effective_ = sums[0] * sums[0] / squares[0];
  const double effective_rest = sums[1] * sums[1] / squares[1];
  rank_one_rate_ = 2 / ((d + 1.3) * (d + 1.3) + effective_);
  rank_rate_ = std::min(1 - rank_one_rate_ - 1e-8,
                        2 * (effective_ - 2 + 1 / effective_) / ((d + 2) * (d + 2) + effective_));
  sigma_rate_ = (effective_ + 2) / (d + effective_ + 5);
  damping_ = 1 + 2 * std::max(0.0, std::sqrt((effective_ - 1) / (d + 1)) - 1) + sigma_rate_;
  path_rate_ = (4 + effective_ / d) / (d + 4 + 2 * effective_ / d);
  expected_length_ = std::sqrt(d) * (1 - 1 / (4 * d) + 1 / (21 * d * d));
  const double negative =
      std::min({1 + rank_one_rate_ / rank_rate_, 1 + 2 * effective_rest / (effective_ + 2),
                (1 - rank_one_rate_ - rank_rate_) / (d * rank_rate_)});
  double positive_sum = 0, negative_sum = 0;
  for (const double w : weights_) (w >= 0 ? positive_sum : negative_sum) += w;
  for (double& w : weights_) w = w >= 0 ? w / positive_sum : -negative * w / negative_sum;
  covariance_ = axes_ = MatrixXd::Identity(mean_.size(), mean_.size());
  lengths_ = VectorXd::Ones(mean_.size());
  sigma_path_ = covariance_path_ = VectorXd::Zero(mean_.size());
}

Cmaes Cmaes::warm_started(const MatrixXd& sources) {
  const Index d = sources.cols();
  const VectorXd mean = sources.colwise().mean().transpose();
  const MatrixXd centred = sources.rowwise() - mean.transpose();
  const MatrixXd covariance = source_width * source_width * MatrixXd::Identity(d, d) +
                              centred.transpose() * centred / static_cast<double>(sources.rows());
  const double log_determinant = covariance.selfadjointView<Eigen::Lower>().eigenvalues().array().log().sum();
  Cmaes state(mean, std::exp(log_determinant / (2 * static_cast<double>(d))));
  state.covariance_ = covariance / std::exp(log_determinant / static_cast<double>(d));
  state.decompose();
  return state;
}

void Cmaes::decompose() {
  const Eigen::SelfAdjointEigenSolver<MatrixXd> solver(covariance_);
  axes_ = solver.eigenvectors();
  lengths_ = solver.eigenvalues().cwiseMax(least_eigenvalue).cwiseSqrt();
}

void Cmaes::learn(const std::vector<VectorXd>& points) {
  const auto d = static_cast<double>(mean_.size());
  const auto whitened = [&](const VectorXd& y) -> VectorXd {
    return axes_ * (axes_.transpose() * y).cwiseQuotient(lengths_);
  };
  const double farthest = std::sqrt(d) + 2 * d / (d + 2);
  std::vector<VectorXd> steps;
  VectorXd move = VectorXd::Zero(mean_.size());
  for (std::size_t i = 0; i < points.size(); ++i) {
    VectorXd step = (points[i] - mean_) / sigma_;
    const double length = whitened(step).norm();
    if (length > farthest) step *= farthest / length;
    if (weights_[i] >= 0) move += weights_[i] * step;
    steps.push_back(std::move(step));
  }
  ++steps_;
  sigma_path_ = (1 - sigma_rate_) * sigma_path_ +
                std::sqrt(sigma_rate_ * (2 - sigma_rate_) * effective_) * whitened(move);
  const double length = sigma_path_.norm();
  const bool is_steady =
      length / std::sqrt(1 - std::pow(1 - sigma_rate_, 2 * steps_)) < (1.4 + 2 / (d + 1)) * expected_length_;
  covariance_path_ *= 1 - path_rate_;
  if (is_steady) covariance_path_ += std::sqrt(path_rate_ * (2 - path_rate_) * effective_) * move;
  double weight_sum = 0;
  MatrixXd rank = MatrixXd::Zero(mean_.size(), mean_.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    weight_sum += weights_[i];
    const double scale = weights_[i] >= 0 ? 1 : d / (whitened(steps[i]).squaredNorm() + 1e-12);
    rank += weights_[i] * scale * steps[i] * steps[i].transpose();
  }
  const double missing = is_steady ? 0 : std::min(1.0, path_rate_ * (2 - path_rate_));
  covariance_ *= 1 + rank_one_rate_ * missing - rank_one_rate_ - rank_rate_ * weight_sum;
  covariance_ += rank_one_rate_ * covariance_path_ * covariance_path_.transpose() + rank_rate_ * rank;
  mean_ += sigma_ * move;
  sigma_ *= std::exp(sigma_rate_ / damping_ * (length / expected_length_ - 1));
  decompose();
}

VectorXd Cmaes::draw(RandomStream& random) const {
  VectorXd z(mean_.size());
  for (Index i = 0; i < z.size(); ++i) z[i] = random.normal() * lengths_[i];
  return mean_ + sigma_ * (axes_ * z);
}

namespace {

// The coordinates of a cube that CMA-ES is for.
std::vector<Index> numbers_of(const Space& space, const Cube& cube) {
  std::vector<Index> numbers;
  for (Index i = 0; i < cube.size(); ++i) {
    const Cube::Axis& axis = cube.axes()[static_cast<std::size_t>(i)];
    if (!axis.is_category && space.parameters()[axis.parameter].conditions.empty()) numbers.push_back(i);
  }
  return numbers;
}

Cmaes state_of(const Cube& cube, const std::vector<Index>& numbers, const History& history,
               std::size_t sources) {
  const std::vector<TrialLoss> losses = losses_of(history);
  const auto vector_of = [&](const TrialLoss& loss) {
    const VectorXd x = cube.to_cube(history.point(loss.trial));
    VectorXd picked(static_cast<Index>(numbers.size()));
    for (std::size_t i = 0; i < numbers.size(); ++i) picked[static_cast<Index>(i)] = x[numbers[i]];
    return picked;
  };
  const auto better = [](const TrialLoss& a, const TrialLoss& b) { return a.loss < b.loss; };
  sources = std::min(sources, losses.size());
  std::vector<TrialLoss> before(losses.begin(), losses.begin() + static_cast<std::ptrdiff_t>(sources));
  std::stable_sort(before.begin(), before.end(), better);
  const std::size_t best = sources / 10;
  Cmaes state(
      sources == 0 ? VectorXd::Constant(static_cast<Index>(numbers.size()), 0.5) : vector_of(before[0]),
      first_sigma);
  if (best > 1) {
    MatrixXd points(static_cast<Index>(best), static_cast<Index>(numbers.size()));
    for (std::size_t i = 0; i < best; ++i)
      points.row(static_cast<Index>(i)) = vector_of(before[i]).transpose();
    state = Cmaes::warm_started(points);
  }
  const std::size_t population = state.population();
  for (std::size_t begin = sources; begin + population <= losses.size(); begin += population) {
    const auto from = losses.begin() + static_cast<std::ptrdiff_t>(begin);
    std::vector<TrialLoss> generation(from, from + static_cast<std::ptrdiff_t>(population));
    std::stable_sort(generation.begin(), generation.end(), better);
    std::vector<VectorXd> points;
    for (const TrialLoss& loss : generation) points.push_back(vector_of(loss));
    state.learn(points);
  }
  return state;
}

}  // namespace

void cmaes_propose(const Space& space, const History& history, std::size_t sources, RandomStream& random,
                   Point& point) {
  const Cube cube(space);
  const std::vector<Index> numbers = numbers_of(space, cube);
  if (numbers.empty()) return;
  const Cmaes state = state_of(cube, numbers, history, sources);
  VectorXd drawn;
  for (int draws = 0; draws < most_draws; ++draws) {
    drawn = state.draw(random);
    for (Index i = 0; i < drawn.size(); ++i) {
      const double count = cube.axes()[static_cast<std::size_t>(numbers[static_cast<std::size_t>(i)])].count;
      if (count == 0) continue;
      const double least = least_cells / count, own = state.deviation(i);
      if (own < least) drawn[i] += random.normal() * std::sqrt(least * least - own * own);
    }
    if (drawn.minCoeff() >= 0 && drawn.maxCoeff() <= 1) break;
  }
  VectorXd x = cube.to_cube(point);
  for (Index i = 0; i < drawn.size(); ++i)
    x[numbers[static_cast<std::size_t>(i)]] = std::clamp(drawn[i], 0.0, 1.0);
  const Point whole = cube.to_point(x);
  for (const Index i : numbers) {
    const std::size_t p = cube.axes()[static_cast<std::size_t>(i)].parameter;
    point[p] = whole[p];
  }
  space.settle(point);
}

}  // namespace nn::search
