// Gaussian processes: matrices and derivatives against their definitions, and what is proposed.
#include "search/gp.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include "catch.hpp"
#include "search/gp_matrix.hpp"
#include "search/gp_sampler.hpp"
#include "search/lbfgs.hpp"
#include "search/sampler.hpp"

namespace nn::search {
namespace {

using Eigen::ArrayXd;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

RandomStream stream(std::uint64_t index = 0) { return {1, RandomUse::propose, index}; }

MatrixXd random_matrix(Index rows, Index columns, std::uint64_t index) {
  RandomStream random = stream(index);
  MatrixXd matrix(rows, columns);
  for (Index c = 0; c < columns; ++c) {
    for (Index r = 0; r < rows; ++r) matrix(r, c) = random.uniform();
  }
  return matrix;
}

TEST_CASE("a minimum in a box is found, also at its ends") {
  const Objective rosenbrock = [](const VectorXd& x, VectorXd& gradient) {
    gradient[0] = -400 * x[0] * (x[1] - x[0] * x[0]) - 2 * (1 - x[0]);
    gradient[1] = 200 * (x[1] - x[0] * x[0]);
    return 100 * std::pow(x[1] - x[0] * x[0], 2) + std::pow(1 - x[0], 2);
  };
  const VectorXd low = VectorXd::Constant(2, -2), start = VectorXd::Constant(2, -1.5);
  const LbfgsLimits limits{.evaluations = 300, .gradient = 1e-8, .value = 0};
  const Minimum inside = minimise(rosenbrock, start, low, VectorXd::Constant(2, 2), limits);
  CHECK(inside.x[0] == Approx(1).epsilon(1e-5));
  CHECK(inside.x[1] == Approx(1).epsilon(1e-5));
  const Minimum at_end = minimise(rosenbrock, start, low, VectorXd::Constant(2, 0.5), limits);
  CHECK(at_end.x[0] == Approx(0.5));
  CHECK(at_end.x[1] == Approx(0.25).epsilon(1e-4));
  const Objective broken = [](const VectorXd&, VectorXd& gradient) {
    gradient.setZero();
    return nothing;
  };
  CHECK(minimise(broken, start, low, -low, limits).x == start);
}

TEST_CASE("a lower triangle is inverted in blocks") {
  for (const Index n : {1, 5, 32, 33, 100}) {
    MatrixXd lower = random_matrix(n, n, 3);
    lower.diagonal().array() += static_cast<double>(n);
    lower.triangularView<Eigen::StrictlyUpper>().setZero();
    MatrixXd inverse = lower;
    gp::invert_lower(inverse);
    CHECK((inverse * lower - MatrixXd::Identity(n, n)).norm() < 1e-12);
  }
}

TEST_CASE("beliefs are those of the definition, with their derivatives") {
  const GpInputs inputs{random_matrix(20, 3, 4), {false, false, false}};
  GpInputs with_category = inputs;
  with_category.is_category[2] = true;
  with_category.points.col(2) = (with_category.points.col(2).array() * 3).floor().matrix();
  const VectorXd y = random_matrix(20, 1, 5).col(0);
  for (const GpInputs& in : {inputs, with_category}) {
    const GpKernel kernel{ArrayXd::LinSpaced(3, 0.5, 2), 1.5, 0.01};
    const auto k = [&](const VectorXd& a, const VectorXd& b) {
      double squared = 0;
      for (Index i = 0; i < 3; ++i) {
        const bool is_category = in.is_category[static_cast<std::size_t>(i)];
        const double difference = is_category ? (a[i] == b[i] ? 0 : 1) : a[i] - b[i];
        squared += kernel.inverse_squared_lengths[i] * difference * difference;
      }
      const double r = std::sqrt(squared);
      return kernel.scale * (1 + std::sqrt(5) * r + 5.0 / 3 * r * r) * std::exp(-std::sqrt(5) * r);
    };
    MatrixXd matrix = MatrixXd::Identity(20, 20) * kernel.noise;
    VectorXd cross(20), x(3);
    x << 0.3, 0.6, 1;
    for (Index a = 0; a < 20; ++a) {
      cross[a] = k(in.points.row(a).transpose(), x);
      for (Index b = 0; b < 20; ++b)
        matrix(a, b) += k(in.points.row(a).transpose(), in.points.row(b).transpose());
    }
    const GaussianProcess process(in, y, kernel);
    const VectorXd solved = matrix.ldlt().solve(cross);
    const auto belief = process.at(x);
    CHECK(belief.mean == Approx(solved.dot(y)).epsilon(1e-9));
    CHECK(belief.variance == Approx(kernel.scale - solved.dot(cross)).epsilon(1e-9));
    ArrayXd means, variances;
    process.at(MatrixXd(x.transpose().replicate(300, 1)), means, variances);
    CHECK(means[299] == Approx(belief.mean));
    CHECK(variances[130] == Approx(belief.variance));
    VectorXd by_mean(3), by_variance(3);
    process.at(x, by_mean, by_variance);
    for (Index i = 0; i < 3; ++i) {
      if (in.is_category[static_cast<std::size_t>(i)]) continue;
      VectorXd up = x, down = x;
      up[i] += 1e-6;
      down[i] -= 1e-6;
      const auto over = process.at(up), under = process.at(down);
      CHECK(by_mean[i] == Approx((over.mean - under.mean) / 2e-6).epsilon(1e-4));
      CHECK(by_variance[i] == Approx((over.variance - under.variance) / 2e-6).epsilon(1e-4));
    }
    const auto believing = process.believing(x.transpose());
    CHECK(believing.at(x).mean == Approx(belief.mean).epsilon(1e-6));
    CHECK(believing.at(x).variance ==
          Approx(belief.variance * kernel.noise / (belief.variance + kernel.noise)).epsilon(1e-9));
  }
}

TEST_CASE("the logarithm of the expected improvement is exact, and smooth, far out") {
  for (const double z : {-1e5, -300.0, -31.0, -30.001, -29.999, -20.0, -3.0, -0.001, 0.001, 2.0, 50.0}) {
    INFO(z);
    const double deviation = 0.5, best = 1, h = 1e-5 * std::max(1.0, std::abs(z));
    const auto at = [&](double mean, double d) { return log_expected_improvement(mean, d, best); };
    const double mean = best + z * deviation;
    const LogImprovement value = at(mean, deviation);
    CHECK(value.by_mean ==
          Approx((at(mean + h, deviation).value - at(mean - h, deviation).value) / (2 * h)).epsilon(1e-4));
    CHECK(value.by_deviation ==
          Approx((at(mean, deviation + 1e-6).value - at(mean, deviation - 1e-6).value) / 2e-6).epsilon(1e-3));
  }
  const double z = -2, density = std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
  CHECK(log_expected_improvement(-2, 1, 0).value ==
        Approx(std::log(z * std::erfc(-z / std::sqrt(2)) / 2 + density)).epsilon(1e-12));
}

TEST_CASE("lengths are long where nothing changes, and noise is seen") {
  const GpInputs inputs{random_matrix(60, 3, 6), {false, false, false}};
  const auto fitted = [&](double noise) {
    RandomStream random = stream(7);
    VectorXd y(60);
    for (Index i = 0; i < 60; ++i) {
      y[i] = std::sin(9 * inputs.points(i, 0)) + 0.3 * inputs.points(i, 1) + noise * random.normal();
    }
    y.array() -= y.mean();
    return fit_kernel(inputs, y / std::sqrt(y.squaredNorm() / 60)).kernel;
  };
  const GpKernel clean = fitted(0), noisy = fitted(0.3);
  CHECK(clean.inverse_squared_lengths[0] > 20 * clean.inverse_squared_lengths[1]);
  CHECK(clean.inverse_squared_lengths[1] > clean.inverse_squared_lengths[2]);
  CHECK(clean.noise < 1e-3);
  CHECK(noisy.noise > 0.02);
}

// Asks for trials one after the other; returns the best value.
double best_of(const std::vector<std::string>& lines, SamplerKind kind, std::uint64_t trials,
               double (*function)(const Point&), std::uint64_t seed = 1) {
  const Space space = Space::parse(lines);
  SamplerOptions options;
  options.kind = kind;
  options.seed = seed;
  History history(space.size());
  double best = std::numeric_limits<double>::infinity();
  for (std::uint64_t t = 0; t < trials; ++t) {
    RandomStream random(seed, RandomUse::propose, t);
    const auto proposal = propose(options, space, history, t, random);
    REQUIRE(proposal);
    REQUIRE(space.contains(proposal->point));
    const double value = function(proposal->point);
    best = std::min(best, value);
    history.add(static_cast<std::uint32_t>(t), TrialState::complete, proposal->point, {value});
  }
  return best;
}

double branin(const Point& p) {
  constexpr double pi = std::numbers::pi;
  return std::pow(p[1] - 5.1 / (4 * pi * pi) * p[0] * p[0] + 5 / pi * p[0] - 6, 2) +
         10 * (1 - 1 / (8 * pi)) * std::cos(p[0]) + 10;
}
double mixed(const Point& p) {  // 0 at (20, "b", 0.1)
  return std::pow((p[0] - 20) / 10, 2) + (p[1] == 1 ? 0 : 1) + std::pow(std::log10(p[2]) + 1, 2);
}
double sphere(const Point& p) {
  double sum = 0;
  for (const double v : p) sum += (v - 0.3) * (v - 0.3);
  return sum;
}
double ellipsoid(const Point& p) { return 1000 * std::pow(p[0] + p[1], 2) + std::pow(p[0] - p[1] - 0.5, 2); }

TEST_CASE("a Gaussian process finds minima in few trials") {
  std::vector<double> bests;
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    bests.push_back(best_of({"x=uniform:-5:10", "y=uniform:0:15"}, SamplerKind::gp, 40, branin, seed));
  }
  std::sort(bests.begin(), bests.end());
  CHECK(bests[1] < 0.3985);
  CHECK(best_of({"n=int:1:100", "c=choice:a,b,c", "lr=loguniform:1e-4:1"}, SamplerKind::gp, 40, mixed) <
        0.02);
  CHECK(best_of({"n=int:1:3", "o=ordinal:a,b", "lr=quniform:0.1:0.3:0.1"}, SamplerKind::gp, 18, mixed) >=
        0);  // all
}

TEST_CASE("covariance matrix adaptation finds minima, also of long valleys") {
  CHECK(best_of({"x=uniform:-1:1", "y=uniform:-1:1", "z=uniform:-1:1"}, SamplerKind::cmaes, 250, sphere) <
        1e-6);
  CHECK(best_of({"x=uniform:-1:1", "y=uniform:-1:1"}, SamplerKind::cmaes, 400, ellipsoid) < 1e-6);
  CHECK(best_of({"x=uniform:-1:1"}, SamplerKind::cmaes, 80, sphere) < 1e-4);
  CHECK(best_of({"n=int:1:100", "c=choice:a,b,c", "lr=loguniform:1e-4:1"}, SamplerKind::cmaes, 150, mixed) <
        0.02);
}

TEST_CASE("what runs keeps a Gaussian process away") {
  const Space space = Space::parse({"x=uniform:0:1"});
  History history(1);
  for (std::uint32_t t = 0; t < 8; ++t)
    history.add(t, TrialState::complete, {t / 8.0}, {std::pow(t / 8.0 - 0.55, 2)});
  RandomStream random = stream();
  const double first = gp_candidates(space, history, random)[0][0];
  for (std::uint32_t t = 8; t < 12; ++t) {
    RandomStream again = stream();
    const double next = gp_candidates(space, history, again)[0][0];
    for (std::size_t r = 8; r < history.size(); ++r) CHECK(std::abs(next - history.parameters[0][r]) > 1e-4);
    history.add(t, TrialState::running, {next}, {nothing});
  }
  CHECK(first == history.parameters[0][8]);
}

TEST_CASE("conditions, pruned and forbidden trials are no obstacle to models") {
  const Space space = Space::parse({"optimizer=choice:sgd,adam", "momentum=uniform:0:1 if optimizer=sgd",
                                    "units=intlog:1:512", "lr=lognormal:-4:1", "k=const:3"},
                                   {"units<3 and optimizer=adam"});
  for (const SamplerKind kind : {SamplerKind::gp, SamplerKind::cmaes}) {
    SamplerOptions options;
    options.kind = kind;
    History history(space.size());
    for (std::uint32_t t = 0; t < 40; ++t) {
      RandomStream random = stream(t);
      const auto proposal = propose(options, space, history, t, random);
      REQUIRE(proposal);
      REQUIRE(space.contains(proposal->point));
      const TrialState state = t % 3 == 1   ? TrialState::pruned
                               : t % 7 == 6 ? TrialState::running
                                            : TrialState::complete;
      const bool has_value = state == TrialState::complete;
      history.add(t, state, proposal->point, {has_value ? 0.1 * t : nothing}, t % 5 == 0 ? 1 : 0,
                  state == TrialState::pruned && t % 2 == 0 ? 3 : -1, t % 2 == 0 ? 0.5 : nothing);
    }
  }
}

TEST_CASE("who chooses the sampler looks at space and history") {
  struct Case {
    std::vector<std::string> lines;
    std::size_t complete, objectives;
    double violation;
    SamplerKind expected;
    double seconds = nothing;  // that a trial takes
  };
  const std::vector<std::string> numbers{"x=uniform:0:1", "n=int:1:9", "o=ordinal:1,2", "k=const:1"};
  const Case cases[] = {
      {numbers, 20, 1, 0, SamplerKind::gp},
      {numbers, 249, 1, 1, SamplerKind::gp},
      {numbers, 20, 1, 0, SamplerKind::gp, 60},
      {numbers, 20, 1, 0, SamplerKind::tpe, 0.01},  // a proposal of the process would take longer than it
      {numbers, 249, 1, 0, SamplerKind::tpe, 2},
      {numbers, 250, 1, 0, SamplerKind::cmaes},
      {numbers, 250, 1, 1, SamplerKind::tpe},
      {numbers, 20, 2, 0, SamplerKind::tpe},
      {{"x=uniform:0:1", "c=choice:a,b"}, 20, 1, 0, SamplerKind::tpe},
      {{"x=quniform:0:1:0.1", "n=int:1:32", "o=ordinal:1,2"}, 20, 1, 0, SamplerKind::tpe},
      {{"x=quniform:0:1:0.01", "n=int:1:9", "o=ordinal:1,2"}, 20, 1, 0, SamplerKind::gp},
      {{"x=uniform:0:1", "y=uniform:0:1 if x>0.5"}, 20, 1, 0, SamplerKind::tpe},
  };
  for (const Case& c : cases) {
    const Space space = Space::parse(c.lines);
    History history(space.size(), c.objectives);
    for (std::uint32_t t = 0; t < c.complete; ++t) {
      RandomStream random = stream(t);
      Point point{std::round(10 * random.uniform()) / 10, 1, 0, 0};
      point.resize(space.size(), 0);
      space.settle(point);
      history.add(t, TrialState::complete, point, std::vector<double>(c.objectives, point[0]), c.violation,
                  -1, nothing, c.seconds);
    }
    RandomStream random = stream(999);
    const auto proposal = propose({}, space, history, c.complete, random);
    REQUIRE(proposal);
    CHECK(proposal->by == c.expected);
  }
}

}  // namespace
}  // namespace nn::search
