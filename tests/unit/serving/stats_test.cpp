#include "serving/stats.hpp"

#include <algorithm>
#include <vector>

#include "base/random.hpp"
#include "catch.hpp"

using namespace nn;
using namespace nn::serving;

TEST_CASE("quantiles of a histogram are near those of all values") {
  RandomStream random(1, RandomUse::shuffle, 0);
  LatencyHistogram histogram;
  CHECK(histogram.quantile_us(0.5) == 0);
  std::vector<std::uint64_t> all;
  for (int i = 0; i < 10000; ++i) {
    all.push_back(static_cast<std::uint64_t>(1 / (random.uniform() + 1e-6)));
    histogram.add(std::chrono::microseconds(all.back()));
  }
  std::sort(all.begin(), all.end());
  for (const double q : {0.0, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const auto exact = static_cast<double>(all[static_cast<std::size_t>(std::max(0.0, q * 10000 - 1))]);
    INFO(q << ": " << exact);
    CHECK(static_cast<double>(histogram.quantile_us(q)) >= exact);
    CHECK(static_cast<double>(histogram.quantile_us(q)) <= exact * (1 + 1.0 / 16) + 1);
  }
  CHECK(histogram.max_us() == all.back());
  CHECK(histogram.quantile_us(1) == all.back());
}

TEST_CASE("times beyond all buckets are counted") {
  LatencyHistogram histogram;
  histogram.add(std::chrono::microseconds(-5));
  histogram.add(std::chrono::hours(24 * 365 * 100));
  CHECK(histogram.count() == 2);
  CHECK(histogram.quantile_us(0) == 0);
  CHECK(histogram.max_us() > 1'000'000'000'000);
}

TEST_CASE("times below a power of two are counted exactly") {
  LatencyHistogram histogram;
  for (const int us : {0, 1, 63, 64, 65, 127, 128, 1'000'000}) histogram.add(std::chrono::microseconds(us));
  CHECK(histogram.below_us(64) == 3);
  CHECK(histogram.below_us(128) == 6);
  CHECK(histogram.below_us(1 << 20) == 8);
}
