// Minimising a smooth function in a box. For this module only.
#pragma once

#include <Eigen/Core>
#include <functional>

namespace nn::search {

// The value at x; `gradient` has x's size and is overwritten. What isn't finite counts as far too much.
using Objective = std::function<double(const Eigen::VectorXd& x, Eigen::VectorXd& gradient)>;

struct LbfgsLimits {
  int evaluations = 100;
  double gradient = 1e-5;  // the largest component, of those that may change x
  double value = 1e-9;     // the least relative decrease of a step
};
struct Minimum {
  Eigen::VectorXd x;
  double value;
};

// Limited-memory BFGS (Nocedal and Wright, Numerical Optimization, 2nd edition, algorithm 7.4) with steps
// projected into [low, high]: coordinates at an end whose gradient points outwards stay there. `start` lies
// in the box. Never worse than it.
Minimum minimise(const Objective& objective, const Eigen::VectorXd& start, const Eigen::VectorXd& low,
                 const Eigen::VectorXd& high, const LbfgsLimits& limits);

}  // namespace nn::search
