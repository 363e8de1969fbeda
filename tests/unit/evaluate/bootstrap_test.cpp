#include "evaluate/bootstrap.hpp"

#include <cmath>
#include <limits>
#include <numeric>

#include "catch.hpp"

using namespace nn;
using namespace nn::evaluate;

TEST_CASE("draws have as many rows as there are, and the same seed draws the same") {
  const auto run = [](std::uint64_t seed) {
    return bootstrap(50, {95, 200, seed}, [](std::span<const std::uint32_t> counts) {
      const double rows = std::accumulate(counts.begin(), counts.end(), 0.0);
      double sum = 0;
      for (std::size_t i = 0; i < counts.size(); ++i) sum += counts[i] * static_cast<double>(i);
      return std::vector<double>{rows, sum / 50};
    });
  };
  const auto once = run(1), again = run(1), other = run(2);
  CHECK(once[0]->low == 50);
  CHECK(once[0]->high == 50);
  CHECK(once[1]->low == again[1]->low);
  CHECK(once[1]->high == again[1]->high);
  CHECK(once[1]->low != other[1]->low);
}

TEST_CASE("the interval of a mean is that of its standard error") {
  std::vector<double> values(400);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<double>(i * i));
  double mean = 0, squares = 0;
  for (const double value : values) mean += value / 400;
  for (const double value : values) squares += (value - mean) * (value - mean) / 400;
  const double error = std::sqrt(squares / 400);
  const auto intervals = bootstrap(400, {95, 4000, 0}, [&](std::span<const std::uint32_t> counts) {
    double sum = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) sum += counts[i] * values[i] / 400;
    return std::vector<double>{sum};
  });
  CHECK(intervals[0]->low == Approx(mean - 1.96 * error).margin(0.1 * error));
  CHECK(intervals[0]->high == Approx(mean + 1.96 * error).margin(0.1 * error));
}

TEST_CASE("a figure that most draws don't have has no interval") {
  const auto intervals = bootstrap(2, {90, 100, 0}, [](std::span<const std::uint32_t> counts) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    // Both rows are drawn once in half of the draws, one of them twice in a quarter.
    return std::vector<double>{counts[0] == 2 ? 1 : nan, counts[0] > 0 ? 1 : nan};
  });
  CHECK_FALSE(intervals[0]);
  CHECK(intervals[1]);
}
