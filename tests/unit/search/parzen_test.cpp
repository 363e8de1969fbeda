// Densities, which are Optuna's, and that samples have them.
#include "search/parzen.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "catch.hpp"
#include "golden.hpp"
#include "search/bandwidths.hpp"
#include "search/tpe.hpp"

namespace nn::search {
namespace {

std::vector<const Parameter*> pointers(const Space& space) {
  std::vector<const Parameter*> all;
  for (const Parameter& p : space.parameters()) all.push_back(&p);
  return all;
}

TEST_CASE("densities are Optuna's") {
  const Space space =
      Space::parse({"uniform=uniform:-3:7", "loguniform=loguniform:1e-4:1e-1", "int=int:1:9",
                    "quniform=quniform:0:1:0.25", "intlog=intlog:8:512", "choice=choice:a,b,c"});
  const auto parameters = pointers(space);
  Columns observed, points;
  std::size_t densities = 0, trials = 0;
  const auto check = [&](const ParzenEstimator& estimator, const Columns& at, const GoldenLine& line) {
    const auto found = estimator.log_density(at);
    REQUIRE(found.size() == line.numbers.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      CHECK(found[i] == Approx(line.numbers[i]).epsilon(0).margin(1e-9));
    }
  };
  for (const GoldenLine& line : read_golden("densities")) {
    if (line.word == "trials") {
      trials = static_cast<std::size_t>(line.numbers[0]);
      observed.clear();
      points.clear();
      densities = 0;
    } else if (line.word == "observed") {
      observed.push_back(line.numbers);
    } else if (line.word == "points") {
      points.push_back(line.numbers);
    } else if (densities < parameters.size()) {
      INFO(trials << " trials, " << space.parameters()[densities].name);
      check(ParzenEstimator({parameters[densities]}, {observed[densities]}, age_weights(trials)),
            {points[densities]}, line);
      ++densities;
    } else {
      INFO(trials << " trials");
      check(ParzenEstimator(parameters, observed, age_weights(trials)), points, line);
    }
  }
}

// Sorted, as the definition has it.
std::vector<double> plain_bandwidths(const std::vector<double>& centres, double low, double high) {
  std::vector<std::size_t> order(centres.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return centres[a] < centres[b]; });
  const double least = (high - low) / std::min(100.0, 2.0 + static_cast<double>(order.size()));
  std::vector<double> widths(centres.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    const double before = i > 0 ? centres[order[i - 1]] : low;
    const double behind = i + 1 < order.size() ? centres[order[i + 1]] : high;
    const double to_left = i == 0 && order.size() > 1 ? 0 : centres[order[i]] - before;
    const double to_right = i + 1 == order.size() && order.size() > 1 ? 0 : behind - centres[order[i]];
    widths[order[i]] = std::clamp(std::max(to_left, to_right), least, high - low);
  }
  return widths;
}

TEST_CASE("bandwidths need no sorting") {
  RandomStream random(1, RandomUse::propose);
  for (const std::size_t count : {0U, 1U, 2U, 3U, 10U, 98U, 99U, 400U}) {
    for (const double grid : {0.0, 0.5, 0.04}) {
      std::vector<double> centres;
      for (std::size_t i = 0; i < count; ++i) {
        double x = -1 + 3 * std::pow(random.uniform(), count % 2 == 0 ? 1 : 6);  // even, or most at one end
        if (grid > 0) x = std::clamp(std::round(x / grid) * grid, -1.0, 2.0);
        centres.push_back(x);
      }
      CHECK(bandwidths_of(centres, -1, 2, Bandwidths::optuna) == plain_bandwidths(centres, -1, 2));
    }
  }
  CHECK(bandwidths_of({0.2, 0.9}, 0, 1, Bandwidths::watanabe)[0] == Approx(0.3));  // the prior is at 0.5
  CHECK(bandwidths_of({0.2, 0.9}, 0, 1, Bandwidths::watanabe)[1] == Approx(0.4));
  CHECK(bandwidths_of({0.5, 0.5, 0.5}, 0, 1, Bandwidths::watanabe)[1] == Approx(0.04));
}

TEST_CASE("samples have the density that they are said to have") {
  const Space space = Space::parse({"n=int:1:4", "l=intlog:1:5", "c=choice:a,b,c", "o=ordinal:x,y,z"});
  const Columns observed{{1, 4, 4}, {5, 2, 1}, {2, 2, 0}, {0, 1, 1}};
  const ParzenEstimator estimator(pointers(space), observed, {1, 1, 2, 1});
  constexpr std::size_t count = 50000;
  RandomStream random(3, RandomUse::propose);
  const Columns samples = estimator.sample(count, random);
  Columns all(4);
  for (double n = 1; n <= 4; ++n) {
    for (double l = 1; l <= 5; ++l) {
      for (double c = 0; c <= 2; ++c) {
        for (double o = 0; o <= 2; ++o) {
          all[0].push_back(n);
          all[1].push_back(l);
          all[2].push_back(c);
          all[3].push_back(o);
        }
      }
    }
  }
  const auto densities = estimator.log_density(all);
  double sum = 0;
  std::vector<double> found(densities.size());
  for (std::size_t s = 0; s < count; ++s) {
    const double place =
        (((samples[0][s] - 1) * 5 + samples[1][s] - 1) * 3 + samples[2][s]) * 3 + samples[3][s];
    found[static_cast<std::size_t>(std::lround(place))] += 1;
  }
  for (std::size_t i = 0; i < densities.size(); ++i) {
    const double expected = std::exp(densities[i]) * count;
    sum += expected;
    CHECK(std::abs(found[i] - expected) < 5 * std::sqrt(expected) + 1);
  }
  CHECK(sum == Approx(count));
}

TEST_CASE("samples of numbers fill their range as the density says") {
  const Space space = Space::parse({"x=uniform:0:2", "l=loguniform:0.01:1", "g=normal:0:1"});
  const ParzenEstimator estimator(pointers(space), {{0.1, 1.9}, {0.01, 0.3}, {0.5, -3}}, {1, 3, 1});
  constexpr std::size_t count = 40000, cells = 8;
  RandomStream random(4, RandomUse::propose);
  const Columns samples = estimator.sample(count, random);
  const double low[] = {0, std::log(0.01), -4}, high[] = {2, 0, 4};
  for (std::size_t a = 0; a < 3; ++a) {
    // The others are integrated by summing over all samples' places: a density of one alone is enough.
    const ParzenEstimator alone({&space.parameters()[a]},
                                {std::vector<std::vector<double>>{{0.1, 1.9}, {0.01, 0.3}, {0.5, -3}}[a]},
                                {1, 3, 1});
    const double width = (high[a] - low[a]) / cells;
    std::vector<double> found(cells);
    for (const double x : samples[a]) {
      const double place = ((a == 1 ? std::log(x) : x) - low[a]) / width;
      REQUIRE((place > -1e-9 && place < cells + 1e-9));
      found[std::min(static_cast<std::size_t>(std::max(place, 0.0)), cells - 1)] += 1;
    }
    for (std::size_t c = 0; c < cells; ++c) {
      std::vector<double> fine;
      for (int i = 0; i < 200; ++i) {
        const double x = low[a] + (static_cast<double>(c) + (i + 0.5) / 200) * width;
        fine.push_back(a == 1 ? std::exp(x) : x);
      }
      double expected = 0;
      for (const double d : alone.log_density({fine})) expected += std::exp(d) * width / 200 * count;
      CHECK(std::abs(found[c] - expected) < 5 * std::sqrt(expected) + 1);
    }
  }
}

}  // namespace
}  // namespace nn::search
