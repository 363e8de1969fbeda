#include "search/lbfgs.hpp"

#include <cmath>
#include <deque>

namespace nn::search {
namespace {

using Eigen::VectorXd;

constexpr std::size_t memory = 10;
constexpr double sufficient = 1e-4;  // of the decrease that the slope promises
constexpr double shorter = 0.5, least_step = 1e-10;

struct Pair {
  VectorXd step, change;  // of x, and of the gradient
  double inverse;         // of their product
};

// 1 where x may move, 0 where it is at an end and would go out.
VectorXd free_of(const VectorXd& x, const VectorXd& gradient, const VectorXd& low, const VectorXd& high) {
  VectorXd free(x.size());
  for (Eigen::Index i = 0; i < x.size(); ++i) {
    const bool is_held = (x[i] <= low[i] && gradient[i] > 0) || (x[i] >= high[i] && gradient[i] < 0);
    free[i] = is_held ? 0 : 1;
  }
  return free;
}

VectorXd direction_of(const VectorXd& gradient, const std::deque<Pair>& pairs) {
  VectorXd q = gradient;
  std::vector<double> alpha(pairs.size());
  for (std::size_t i = pairs.size(); i-- > 0;) {
    alpha[i] = pairs[i].inverse * pairs[i].step.dot(q);
    q -= alpha[i] * pairs[i].change;
  }
  if (!pairs.empty()) q *= 1 / (pairs.back().inverse * pairs.back().change.squaredNorm());
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    q += (alpha[i] - pairs[i].inverse * pairs[i].change.dot(q)) * pairs[i].step;
  }
  return -q;
}

}  // namespace

Minimum minimise(const Objective& objective, const VectorXd& start, const VectorXd& low, const VectorXd& high,
                 const LbfgsLimits& limits) {
  Minimum best{start, 0};
  VectorXd gradient(start.size()), next_gradient(start.size());
  best.value = objective(best.x, gradient);
  std::deque<Pair> pairs;
  for (int evaluations = 1; evaluations < limits.evaluations && std::isfinite(best.value);) {
    const VectorXd free = free_of(best.x, gradient, low, high);
    const VectorXd slope = gradient.cwiseProduct(free);
    if (slope.size() == 0 || slope.lpNorm<Eigen::Infinity>() < limits.gradient) break;
    VectorXd direction = direction_of(slope, pairs).cwiseProduct(free);
    if (!(direction.dot(slope) < 0)) {
      pairs.clear();
      direction = -slope;
    }
    // The first step has no scale yet.
    double length = pairs.empty() ? std::min(1.0, 1 / slope.norm()) : 1;
    Minimum next;
    for (;; length *= shorter) {
      next.x = (best.x + length * direction).cwiseMax(low).cwiseMin(high);
      next.value = objective(next.x, next_gradient);
      ++evaluations;
      const double promised = slope.dot(next.x - best.x);
      if (std::isfinite(next.value) && next.value <= best.value + sufficient * promised) break;
      if (length < least_step || evaluations >= limits.evaluations) return best;
    }
    Pair pair{next.x - best.x, next_gradient - gradient, 0};
    const double product = pair.step.dot(pair.change);
    if (product > 1e-12 * pair.change.squaredNorm()) {
      pair.inverse = 1 / product;
      pairs.push_back(std::move(pair));
      if (pairs.size() > memory) pairs.pop_front();
    }
    const double decrease = best.value - next.value;
    best = std::move(next);
    gradient.swap(next_gradient);
    if (decrease <= limits.value * std::max(1.0, std::abs(best.value))) break;
  }
  return best;
}

}  // namespace nn::search
