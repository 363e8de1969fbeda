#include "search/gp_sampler.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "search/cube.hpp"
#include "search/gp.hpp"
#include "search/lbfgs.hpp"
#include "search/losses.hpp"
#include "search/normal.hpp"
#include "search/sobol.hpp"

namespace nn::search {
namespace {

using Eigen::ArrayXd;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr std::size_t most_trials = 400;
constexpr Index most_at_first = 100;  // points to which kernels are fitted before they are to all
constexpr Index sobol_points = 2048;
constexpr int starts_by_chance = 8;
constexpr int most_sweeps = 10;
constexpr double all_values = 16;  // of a grid, up to so many are tried one by one
constexpr LbfgsLimits local_limits{.evaluations = 40, .gradient = 1e-4, .value = 1e-6};

struct Trials {
  GpInputs inputs;
  VectorXd y;  // losses
  MatrixXd running;
};

// Of too many, the best and the newest.
void limit(std::vector<TrialLoss>& losses) {
  if (losses.size() <= most_trials) return;
  const auto half = static_cast<std::ptrdiff_t>(most_trials / 2);
  std::vector<TrialLoss> older(losses.begin(), losses.end() - half);
  std::nth_element(older.begin(), older.begin() + half, older.end(),
                   [](const TrialLoss& a, const TrialLoss& b) { return a.loss < b.loss; });
  losses.erase(losses.begin(), losses.end() - half);
  losses.insert(losses.end(), older.begin(), older.begin() + half);
  std::sort(losses.begin(), losses.end(),
            [](const TrialLoss& a, const TrialLoss& b) { return a.trial < b.trial; });
}

// Standardised, with more as better; returns what the scale adds to the logarithm of a density of losses.
double standardise(VectorXd& y) {
  y = -(y.array() - y.mean()).matrix();
  const double deviation = std::sqrt(y.squaredNorm() / static_cast<double>(y.size()));
  if (!(deviation > 0)) return 0;
  y /= deviation;
  return -static_cast<double>(y.size()) * std::log(deviation);
}

// The same of the logarithm of how much worse than the best they are, where that is much: a few values that
// are out of all proportion, as of a diverged training, let all others look alike otherwise.
double compress(VectorXd& y, double best, double unit) {
  const ArrayXd logarithms = ((y.array() - best) / unit).log1p();
  y = logarithms.matrix();
  return -(logarithms + std::log(unit)).sum() + standardise(y);
}

// The best half of so many, and others evenly over the rest.
std::vector<Index> part_of(const VectorXd& losses) {
  std::vector<Index> order(static_cast<std::size_t>(losses.size()));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return losses[a] < losses[b]; });
  if (losses.size() <= most_at_first) return order;
  constexpr Index half = most_at_first / 2;
  std::vector<Index> part(order.begin(), order.begin() + half);
  for (Index i = 0; i < half; ++i) {
    part.push_back(order[static_cast<std::size_t>(half + i * (losses.size() - half) / half)]);
  }
  return part;
}

// The kernel under which the losses are likeliest, as they are or compressed; `y` becomes what it is for.
GpKernel fit_best(const GpInputs& inputs, VectorXd& y) {
  const std::vector<Index> part = part_of(y);
  const double best = y[part[0]], unit = y[part[part.size() / 2]] - best;
  const VectorXd losses = y;
  const GpInputs some{inputs.points(part, Eigen::all), inputs.is_category};
  VectorXd some_y = losses(part), compressed = some_y;
  const double scale = standardise(some_y);
  standardise(y);
  GpFit chosen = fit_kernel(some, some_y);
  if (unit > 0) {
    const double compressed_scale = compress(compressed, best, unit);
    GpFit other = fit_kernel(some, compressed);
    if (other.log_posterior + compressed_scale > chosen.log_posterior + scale) {
      chosen = std::move(other);
      y = losses;
      compress(y, best, unit);
    }
  }
  if (y.size() > most_at_first) chosen = refine_kernel(inputs, y, chosen.kernel);
  return chosen.kernel;
}

Trials trials_of(const Cube& cube, const History& history) {
  std::vector<TrialLoss> known = losses_of(history);
  limit(known);
  const auto n = static_cast<Index>(known.size());
  Trials trials{{MatrixXd(n, cube.size()), {}}, VectorXd(n), {}};
  for (const Cube::Axis& axis : cube.axes()) trials.inputs.is_category.push_back(axis.is_category);
  for (Index i = 0; i < n; ++i) {
    const auto& [trial, loss] = known[static_cast<std::size_t>(i)];
    trials.inputs.points.row(i) = cube.to_cube(history.point(trial)).transpose();
    trials.y[i] = loss;
  }
  std::vector<std::size_t> running;
  for (std::size_t t = 0; t < history.size(); ++t) {
    if (history.states[t] == TrialState::running) running.push_back(t);
  }
  trials.running.resize(static_cast<Index>(running.size()), cube.size());
  for (std::size_t i = 0; i < running.size(); ++i) {
    trials.running.row(static_cast<Index>(i)) = cube.to_cube(history.point(running[i])).transpose();
  }
  return trials;
}

// The acquisition function, and the ways up it.
class Ascent {
 public:
  struct Place {
    VectorXd x;
    double value;
  };

  Ascent(const Cube& cube, const GaussianProcess& process, double best)
      : cube_(cube),
        process_(process),
        best_(best),
        lengths_(process.kernel().inverse_squared_lengths.sqrt()) {
    for (Index i = 0; i < cube.size(); ++i) {
      const Cube::Axis& axis = cube.axes()[static_cast<std::size_t>(i)];
      if (axis.is_condition) continue;
      (axis.count == 0 ? continuous_ : discrete_).push_back(i);
    }
  }

  double value(const VectorXd& x) const {
    const auto belief = process_.at(x);
    return log_expected_improvement(belief.mean, std::sqrt(belief.variance), best_).value;
  }

  ArrayXd values(const MatrixXd& points) const {
    ArrayXd means, variances;
    process_.at(points, means, variances);
    for (Index i = 0; i < means.size(); ++i) {
      means[i] = log_expected_improvement(means[i], std::sqrt(variances[i]), best_).value;
    }
    return means;
  }

  // Continuous coordinates together and the others one by one, until neither is better.
  Place climb(Place place) const {
    for (int sweep = 0; sweep < most_sweeps; ++sweep) {
      const double before = place.value;
      climb_continuous(place);
      if (discrete_.empty()) break;
      for (const Index i : discrete_) try_values(place, i);
      if (place.value <= before + local_limits.gradient) break;
    }
    return place;
  }

 private:
  // In units of the kernel's lengths, so that steps are alike in all coordinates.
  void climb_continuous(Place& place) const {
    const auto count = static_cast<Index>(continuous_.size());
    if (count == 0) return;
    VectorXd start(count), high(count);
    for (Index c = 0; c < count; ++c) {
      const Index i = continuous_[static_cast<std::size_t>(c)];
      high[c] = lengths_[i];
      start[c] = std::clamp(place.x[i], 0.0, 1.0) * lengths_[i];
    }
    VectorXd x = place.x, by_mean(cube_.size()), by_variance(cube_.size());
    const auto set = [&](const VectorXd& scaled) {
      for (Index c = 0; c < count; ++c) {
        const Index i = continuous_[static_cast<std::size_t>(c)];
        x[i] = scaled[c] / lengths_[i];
      }
    };
    const auto objective = [&](const VectorXd& scaled, VectorXd& gradient) {
      set(scaled);
      const auto belief = process_.at(x, by_mean, by_variance);
      const double deviation = std::sqrt(belief.variance);
      const LogImprovement improvement = log_expected_improvement(belief.mean, deviation, best_);
      for (Index c = 0; c < count; ++c) {
        const Index i = continuous_[static_cast<std::size_t>(c)];
        gradient[c] = -(improvement.by_mean * by_mean[i] +
                        improvement.by_deviation * by_variance[i] / (2 * deviation)) /
                      lengths_[i];
      }
      return -improvement.value;
    };
    const Minimum minimum = minimise(objective, start, VectorXd::Zero(count), high, local_limits);
    if (-minimum.value <= place.value) return;
    set(minimum.x);
    place = {x, -minimum.value};
  }

  // Of a few values all; of many, those at distances 1, 2, 4, ….
  void try_values(Place& place, Index i) const {
    const Cube::Axis& axis = cube_.axes()[static_cast<std::size_t>(i)];
    if (axis.is_category || axis.count <= all_values) {
      for (double k = 0; k < axis.count; ++k) try_value(place, i, axis.is_category ? k : coordinate(axis, k));
      return;
    }
    const double from = place.x[i];
    for (double distance = 1; distance < axis.count; distance *= 2) {
      try_value(place, i, moved(axis, from, distance));
      try_value(place, i, moved(axis, from, -distance));
    }
  }
  // The k-th value of a grid.
  static double coordinate(const Cube::Axis& axis, double k) {
    if (!axis.is_log) return (k + 0.5) / axis.count;
    return (std::log(std::exp(axis.low) + 0.5 + k) - axis.low) / (axis.high - axis.low);
  }
  static double moved(const Cube::Axis& axis, double from, double steps) {
    if (!axis.is_log) return from + steps / axis.count;
    const double value = std::exp(axis.low + from * (axis.high - axis.low)) + steps;
    return value <= 0 ? -1 : (std::log(value) - axis.low) / (axis.high - axis.low);
  }
  void try_value(Place& place, Index i, double at) const {
    const Cube::Axis& axis = cube_.axes()[static_cast<std::size_t>(i)];
    if (!axis.is_category && (at < 0 || at > 1)) return;
    VectorXd x = place.x;
    x[i] = at;
    const double next = value(x);
    if (next > place.value) place = {std::move(x), next};
  }

  const Cube& cube_;
  const GaussianProcess& process_;
  double best_;
  ArrayXd lengths_;  // inverse
  std::vector<Index> continuous_, discrete_;
};

// The highest, and others in proportion to their improvement, each once.
std::vector<Index> choose_starts(const ArrayXd& values, RandomStream& random) {
  Index best = 0;
  const double highest = values.maxCoeff(&best);
  ArrayXd shares = (values - highest).exp();
  std::vector<Index> starts{best};
  shares[best] = 0;
  for (int s = 0; s < starts_by_chance; ++s) {
    double left = random.uniform() * shares.sum();
    if (!(left > 0)) break;
    Index at = 0;
    while (at + 1 < shares.size() && (left -= shares[at]) >= 0) ++at;
    starts.push_back(at);
    shares[at] = 0;
  }
  return starts;
}

}  // namespace

LogImprovement log_expected_improvement(double mean, double deviation, double best) {
  constexpr double far = -30;  // from here on a series is more exact than differences
  const double z = (mean - best) / deviation;
  const double log_density = -z * z / 2 - std::log(2 * std::numbers::pi) / 2;
  // The improvement in deviations is density * h, where h = 1 + z * ratio.
  double ratio = 0, h = 0;
  if (z < far) {
    const double t = 1 / (z * z);
    h = t * (1 - t * (3 - t * (15 - 105 * t)));
    ratio = (h - 1) / z;
  } else if (z < 0) {
    ratio = std::exp(log_normal_cdf(z) - log_density);
    h = 1 + z * ratio;
  } else {
    // Over 0 the density may vanish, while the improvement doesn't.
    const double density = std::exp(log_density), below = normal_cdf(z), improvement = density + z * below;
    return {std::log(improvement) + std::log(deviation), below / (improvement * deviation),
            density / (improvement * deviation)};
  }
  return {log_density + std::log(h) + std::log(deviation), ratio / (h * deviation), 1 / (h * deviation)};
}

std::vector<Point> gp_candidates(const Space& space, const History& history, RandomStream& random) {
  const Cube cube(space);
  Trials trials = trials_of(cube, history);
  if (trials.y.size() == 0 || cube.size() == 0) return {};
  GpKernel kernel = fit_best(trials.inputs, trials.y);
  const MatrixXd tried = trials.inputs.points;
  const GaussianProcess known(std::move(trials.inputs), trials.y, std::move(kernel));
  // Of values with noise the best is one that was lucky: what is expected where it was is what can be
  // improved.
  ArrayXd means, variances;
  known.at(tried, means, variances);
  Index best_trial = 0;
  double best = means.maxCoeff(&best_trial);
  const VectorXd incumbent = tried.row(best_trial).transpose();
  if (trials.running.rows() > 0) {
    known.at(trials.running, means, variances);
    best = std::max(best, means.maxCoeff());
  }
  const GaussianProcess process = known.believing(trials.running);

  const std::uint64_t scrambling = random.next_u64();
  std::vector<Point> drawn;
  MatrixXd points(sobol_points, cube.size());
  for (Index i = 0; i < sobol_points; ++i) {
    drawn.push_back(sobol_point(space, scrambling, static_cast<std::uint64_t>(i)));
    points.row(i) = cube.to_cube(drawn.back()).transpose();
  }
  const Ascent ascent(cube, process, best);
  const ArrayXd values = ascent.values(points);
  std::vector<Ascent::Place> places;
  for (const Index start : choose_starts(values, random)) {
    places.push_back(ascent.climb({points.row(start).transpose(), values[start]}));
  }
  places.push_back(ascent.climb({incumbent, ascent.value(incumbent)}));
  std::stable_sort(places.begin(), places.end(),
                   [](const auto& a, const auto& b) { return a.value > b.value; });

  std::vector<Point> candidates;
  for (const Ascent::Place& place : places) candidates.push_back(cube.to_point(place.x));
  std::vector<Index> order(static_cast<std::size_t>(sobol_points));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return values[a] > values[b]; });
  for (const Index i : order) candidates.push_back(std::move(drawn[static_cast<std::size_t>(i)]));
  return candidates;
}

}  // namespace nn::search
