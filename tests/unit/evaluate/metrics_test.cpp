#include "evaluate/metrics.hpp"

#include <cmath>

#include "catch.hpp"

using namespace nn;
using namespace nn::evaluate;

TEST_CASE("figures of classes, by hand") {
  // truth 0 0 1 2 2, answers 0 1 1 2 0
  ClassMetricsOptions options;
  options.top_k = 2;
  options.confusion = true;
  options.auc = true;
  ClassMetrics metrics(3, options);
  const std::vector<float> p = {0.5f,   0.25f, 0.25f, 0.25f, 0.5f, 0.25f,  0.125f, 0.75f,
                                0.125f, 0,     0.25f, 0.75f, 0.5f, 0.375f, 0.125f};
  const std::vector<std::int32_t> answers = {0, 1, 1, 2, 0}, truth = {0, 0, 1, 2, 2};
  metrics.add(2, p.data(), answers.data(), truth.data());
  metrics.add(3, p.data() + 6, answers.data() + 2, truth.data() + 2);
  const ClassReport report = metrics.report();
  CHECK(report.rows == 5);
  CHECK(report.accuracy == 0.6);
  CHECK(report.baseline_accuracy == 0.4);
  CHECK(*report.log_loss ==
        Approx(-(std::log(0.5) + std::log(0.25) + 2 * std::log(0.75) + std::log(0.125)) / 5));
  // squared distances: 0.375, 0.875, 0.09375, 0.125, 1.15625
  CHECK(*report.brier == Approx((0.375 + 0.875 + 0.09375 + 0.125 + 1.15625) / 5));
  // row 1: class 0 ties with class 2 behind class 1 and has the lower index; row 4 is out
  CHECK(*report.top_k_accuracy == 0.8);
  // bins 7 (0.5: three rows, one right) and 11 (0.75: two rows, both right)
  CHECK(*report.calibration_error == Approx((3 * std::abs(0.5 - 1.0 / 3) + 2 * 0.25) / 5));
  CHECK(report.bins[7].rows == 3);
  CHECK(report.bins[11].accuracy == 1);
  CHECK(report.classes[0].precision == 0.5);
  CHECK(report.classes[0].recall == 0.5);
  CHECK(report.classes[1].precision == 0.5);
  CHECK(report.classes[1].recall == 1);
  CHECK(report.classes[1].f1 == Approx(2.0 / 3));
  CHECK(report.classes[2].f1 == Approx(2.0 / 3));
  CHECK(report.macro_f1 == Approx((0.5 + 4.0 / 3) / 3));
  CHECK(report.confusion == std::vector<std::int64_t>{1, 1, 0, 0, 1, 0, 1, 0, 1});
  // class 0: positives 0.5 0.25, others 0.125 0 0.5: of 6 pairs 0.5 wins 2.5, 0.25 wins 2
  CHECK(*report.classes[0].auc == Approx(4.5 / 6));
  // class 1: positive 0.75 above all; class 2: 0.75 above all, 0.125 ties one of three
  CHECK(*report.classes[1].auc == 1);
  CHECK(*report.classes[2].auc == Approx(3.5 / 6));
  CHECK(*report.auc == Approx((4.5 / 6 + 1 + 3.5 / 6) / 3));
}

TEST_CASE("two classes: Brier score and AUC are those of the second") {
  ClassMetricsOptions options;
  options.auc = true;
  ClassMetrics metrics(2, options);
  const std::vector<float> p = {0.75f, 0.25f, 0.5f, 0.5f, 0.25f, 0.75f, 0.5f, 0.5f};
  const std::vector<std::int32_t> answers = {0, 0, 1, 0}, truth = {0, 0, 1, 1};
  metrics.add(4, p.data(), answers.data(), truth.data());
  const ClassReport report = metrics.report();
  CHECK(*report.brier == Approx((0.0625 + 0.25 + 0.0625 + 0.25) / 4));
  CHECK(*report.auc == Approx(3.5 / 4));
}

TEST_CASE("a class that the model does not know is wrong and costs the most") {
  ClassMetrics metrics(2, {});
  const float p[] = {1, 0, 0, 1};
  const std::int32_t answers[] = {0, 1}, truth[] = {-1, 1};
  metrics.add(2, p, answers, truth);
  const ClassReport report = metrics.report();
  CHECK(report.unknown == 1);
  CHECK(report.accuracy == 0.5);
  CHECK(*report.log_loss == Approx(-std::log(1e-15) / 2));
}

TEST_CASE("an AUC needs both kinds of rows") {
  const std::vector<float> scores = {0.1f, 0.2f};
  CHECK_FALSE(area_under_curve(scores, {true, true}));
  CHECK_FALSE(area_under_curve(scores, {false, false}));
  CHECK(*area_under_curve(scores, {false, true}) == 1);
  CHECK(*area_under_curve(scores, {true, false}) == 0);
}

TEST_CASE("figures of numbers, by hand") {
  NumberMetrics metrics(1);
  const float predictions[] = {1, 2, 4, 8};
  const double truth[] = {1, 3, 4, 4};
  for (int i = 0; i < 4; ++i) metrics.add(predictions + i, truth + i);
  const NumberReport report = metrics.report();
  CHECK(report.mse == Approx(17.0 / 4));
  CHECK(report.rmse == Approx(std::sqrt(17.0 / 4)));
  CHECK(report.mae == Approx(5.0 / 4));
  CHECK(report.bias == Approx(3.0 / 4));
  CHECK(report.max_error == 4);
  CHECK(report.baseline_rmse == Approx(std::sqrt(6.0 / 4)));
  CHECK(*report.r2 == Approx(1 - 17.0 / 6));
}

TEST_CASE("a constant y has no R2, and large offsets do not wash figures out") {
  NumberMetrics constant(1);
  const float one = 1;
  const double two = 2;
  constant.add(&one, &two);
  CHECK_FALSE(constant.report().r2);
  NumberMetrics metrics(1);
  for (int i = 0; i < 100000; ++i) {
    const double y = 1e9 + (i % 2);
    const float prediction = 1e9f;
    metrics.add(&prediction, &y);
  }
  CHECK(metrics.report().baseline_rmse == Approx(0.5).epsilon(1e-9));
  CHECK(metrics.report().mse == Approx(0.5).epsilon(1e-12));
}

TEST_CASE("sums keep what single additions lose") {
  CompensatedSum sum;
  sum.add(1e16);
  for (int i = 0; i < 1000; ++i) sum.add(1);
  sum.add(-1e16);
  CHECK(sum.value() == 1000);
}
