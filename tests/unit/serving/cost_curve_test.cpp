#include "serving/cost_curve.hpp"

#include "catch.hpp"

using nn::serving::CostCurve;

TEST_CASE("a cost curve is a line between the figures of warm-up, and goes on behind the last") {
  CostCurve curve;
  CHECK_FALSE(curve.known());
  CHECK(curve.cost(10) == 0);
  CHECK(curve.most_rows(0.001, 77) == 77);
  for (const std::int64_t rows : {1, 2, 4, 8, 16, 32, 64})
    curve.set(rows, 1e-3 + 1e-4 * static_cast<double>(rows));
  CHECK(curve.base() == Approx(1e-3));
  CHECK(curve.slope() == Approx(1e-4));
  for (const std::int64_t rows : {1, 3, 5, 33, 64, 100, 1000})
    CHECK(curve.cost(rows) == Approx(1e-3 + 1e-4 * static_cast<double>(rows)));
  CHECK(curve.points().size() == 7);
}

TEST_CASE("the most rows of a step are those that the curve allows") {
  CostCurve curve;
  for (const std::int64_t rows : {1, 64}) curve.set(rows, 1e-3 + 1e-4 * static_cast<double>(rows));
  CHECK(curve.most_rows(5.05e-3, 1024) == 40);
  CHECK(curve.most_rows(0.5, 1024) == 1024);
  CHECK(curve.most_rows(1e-6, 1024) == 1);
  // A step that grows faster than its rows at some size isn't made larger than that.
  CostCurve knee;
  for (const std::int64_t rows : {1, 2, 4, 8}) knee.set(rows, 1e-4 * static_cast<double>(rows));
  knee.set(16, 1e-2);
  CHECK(knee.most_rows(1e-3, 16) == 8);
}

TEST_CASE("recent steps change the curve: cheaper ones soon, dearer ones slowly, single outliers hardly") {
  CostCurve curve;
  for (const std::int64_t rows : {1, 2, 4, 8}) curve.set(rows, 1e-3);
  curve.note(4, 1.0);
  CHECK(curve.cost(4) == Approx(1e-3 * (1 + 1.0 / 16)));
  for (int i = 0; i < 200; ++i) curve.note(4, 2e-3);
  CHECK(curve.cost(4) == Approx(2e-3).epsilon(0.01));
  for (int i = 0; i < 40; ++i) curve.note(4, 1e-3);
  CHECK(curve.cost(4) == Approx(1e-3).epsilon(0.01));
  CHECK(curve.cost(1) == Approx(1e-3));
  // Between two figures a step tells of both.
  for (int i = 0; i < 400; ++i) curve.note(6, 3e-3);
  CHECK(curve.cost(6) == Approx(3e-3).epsilon(0.02));
}

TEST_CASE("without warm-up the first steps are the curve") {
  CostCurve curve;
  curve.note(10, 1e-3);
  CHECK(curve.cost(10) == Approx(1e-3));
  CHECK(curve.cost(1000) == Approx(1e-1));
  for (int i = 0; i < 100; ++i) {
    curve.note(1, 1e-3);
    curve.note(1024, 11.23e-3);
  }
  CHECK(curve.cost(1) == Approx(1e-3).epsilon(0.05));
  CHECK(curve.cost(1024) == Approx(11.23e-3).epsilon(0.05));
  CHECK(curve.line(1) == Approx(1e-3).epsilon(0.3));
}
