#include "traffic/statistics.hpp"

#include <cmath>

#include "base/random.hpp"
#include "catch.hpp"

using namespace nn;
using namespace nn::traffic;

TEST_CASE("quantiles of the normal distribution") {
  CHECK(normal_z(0.95) == Approx(1.959963985).epsilon(1e-8));
  CHECK(normal_z(0.99) == Approx(2.575829304).epsilon(1e-8));
  CHECK(normal_z(0.9975) == Approx(3.023341439).epsilon(1e-8));
  CHECK(normal_z(0.5) == Approx(0.674489750).epsilon(1e-8));
}

TEST_CASE("intervals of shares and their differences are the published ones") {
  // Newcombe 1998, table II: 56/70 against 48/80.
  const Span difference = newcombe(56, 70, 48, 80, normal_z(0.95));
  CHECK(difference.low == Approx(0.0524).margin(5e-5));
  CHECK(difference.high == Approx(0.3339).margin(5e-5));
  const Span none = newcombe(0, 10, 0, 10, normal_z(0.95));
  CHECK(none.low == Approx(-0.2775).margin(5e-5));
  CHECK(none.high == Approx(0.2775).margin(5e-5));
  CHECK(wilson(0, 0, 2).high == 1);
  CHECK(wilson(10, 10, 2).high == 1);
  CHECK(wilson(0, 10, 2).low == 0);
}

TEST_CASE("a histogram's buckets are 2 % wide, and its quantiles cover the true ones") {
  LogHistogram one;
  for (const double us : {0.0, 0.5, 1.0, 100.0, 1e6, 1e12}) one.add(us);
  CHECK(one.count() == 6);
  CHECK(one.order_statistic(1).low == 0);
  CHECK(one.order_statistic(4).low <= 100);
  CHECK(one.order_statistic(4).high > 100);
  CHECK(one.order_statistic(4).high / one.order_statistic(4).low == Approx(1.02));
  CHECK(std::isinf(one.order_statistic(6).high));

  RandomStream random(1, RandomUse::propose);
  int covered = 0;
  const int runs = 400;
  const double truth = 1000 * std::exp(1.6448536);  // p95 of a log-normal
  for (int i = 0; i < runs; ++i) {
    LogHistogram h;
    for (int j = 0; j < 500; ++j) h.add(1000 * std::exp(random.normal()));
    const Span span = h.quantile(0.95, normal_z(0.95));
    covered += span.low <= truth && truth <= span.high ? 1 : 0;
  }
  CHECK(covered >= 0.93 * runs);
  LogHistogram few;
  for (int i = 0; i < 20; ++i) few.add(10);
  CHECK(std::isinf(few.quantile(0.95, 3).high));
  CHECK(LogHistogram{}.quantile(0.95) == 0);
}

TEST_CASE("a rank test sees a shift, and none where there is none") {
  RandomStream random(2, RandomUse::propose);
  LogHistogram a, b, slow;
  for (int i = 0; i < 2000; ++i) {
    a.add(100 * std::exp(random.normal()));
    b.add(100 * std::exp(random.normal()));
    slow.add(130 * std::exp(random.normal()));
  }
  CHECK(std::abs(mann_whitney(a, b).z) < 3);
  CHECK(mann_whitney(slow, a).z > 3);
  CHECK(mann_whitney(slow, a).larger > 0.5);
  CHECK(mann_whitney(a, LogHistogram{}).larger == 0.5);
}
