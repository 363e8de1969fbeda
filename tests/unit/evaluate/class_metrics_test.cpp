#include "evaluate/class_metrics.hpp"

#include <cmath>

#include "../ensemble/table.hpp"
#include "catch.hpp"
#include "evaluate/ranking.hpp"

using namespace nn;
using namespace nn::evaluate;
using nn::test::message_of;

namespace {

// Rows of probabilities.
void add_rows(ClassMetrics& metrics, std::int64_t classes, const std::vector<double>& p,
              const std::vector<std::int32_t>& answers, const std::vector<std::int32_t>& truth,
              std::int64_t top_k = 0) {
  for (std::size_t row = 0; row < truth.size(); ++row) {
    const Score score =
        score_of(p.data() + row * static_cast<std::size_t>(classes), classes, truth[row], top_k);
    metrics.add(truth[row], answers[row], &score, {});
  }
}

}  // namespace

TEST_CASE("figures of classes, by hand") {
  ClassMetrics metrics({.known = 3, .top_k = 2, .confusion = true});
  add_rows(metrics, 3,
           {0.5, 0.25, 0.25, 0.25, 0.5, 0.25, 0.125, 0.75, 0.125, 0, 0.25, 0.75, 0.5, 0.375, 0.125},
           {0, 1, 1, 2, 0}, {0, 0, 1, 2, 2}, 2);
  const ClassReport report = metrics.report(3);
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
  CHECK(report.macro.f1 == Approx((0.5 + 4.0 / 3) / 3));
  CHECK(report.weighted.f1 == Approx((2 * 0.5 + 1 * 2.0 / 3 + 2 * 2.0 / 3) / 5));
  CHECK(report.weighted.precision == Approx((2 * 0.5 + 0.5 + 2 * 1) / 5));
  CHECK(report.balanced_accuracy == Approx(2.0 / 3));
  // covariance 3 · 5 - (2·2 + 1·2 + 2·1), of y 25 - 9, of answers 25 - 9
  CHECK(report.mcc == Approx(7.0 / 16));
  CHECK(report.confusion == std::vector<std::int64_t>{1, 1, 0, 0, 1, 0, 1, 0, 1});
  CHECK(report.confusion_weight.empty());
}

TEST_CASE("two classes: the Brier score is that of the second") {
  ClassMetrics metrics({.known = 2});
  add_rows(metrics, 2, {0.75, 0.25, 0.5, 0.5, 0.25, 0.75, 0.5, 0.5}, {0, 0, 1, 0}, {0, 0, 1, 1});
  CHECK(*metrics.report(2).brier == Approx((0.0625 + 0.25 + 0.0625 + 0.25) / 4));
}

TEST_CASE("a class that the model does not know is one more class, and its rows cost the most") {
  ClassMetrics metrics({.known = 2, .confusion = true});
  add_rows(metrics, 2, {1, 0, 0, 1, 1, 0}, {0, 1, 0}, {2, 1, 2});
  const ClassReport report = metrics.report(2);
  CHECK(report.unknown == 2);
  CHECK(report.accuracy == Approx(1.0 / 3));
  CHECK(report.baseline_accuracy == Approx(2.0 / 3));
  CHECK(*report.log_loss == Approx(-2 * std::log(least_probability) / 3));
  // Of two classes half the distance: (1 + 1) / 2 for an answer that is sure and wrong.
  CHECK(*report.brier == Approx(2.0 / 3));
  CHECK(report.macro.recall == Approx(1.0 / 3));
  CHECK(report.balanced_accuracy == Approx(0.5));
  CHECK(report.confusion == std::vector<std::int64_t>{0, 0, 0, 0, 1, 0, 2, 0, 0});
  ClassMetrics three({.known = 3});
  add_rows(three, 3, {1, 0, 0}, {0}, {3});
  CHECK(*three.report(3).brier == 2);
}

TEST_CASE("rows count as often as their weights say, but for counts of rows") {
  ClassMetrics metrics({.confusion = true});
  metrics.add(0, 0, nullptr, 2.5);
  metrics.add(1, 0, nullptr, 0.5);
  metrics.add(1, 1, nullptr, 0);
  const ClassReport report = metrics.report(2);
  CHECK(report.rows == 3);
  CHECK(*report.weight == 3);
  CHECK(report.accuracy == Approx(2.5 / 3));
  CHECK(report.confusion == std::vector<std::int64_t>{1, 0, 1, 1});
  CHECK(report.confusion_weight == std::vector<double>{2.5, 0, 0.5, 0});
  CHECK(report.mcc == 0);  // all answers that count are the same
}

TEST_CASE("a table of the confusion of too many classes is refused") {
  ClassMetrics metrics({.confusion = true});
  metrics.add(5000, 0, nullptr, {});
  CHECK_THAT(message_of([&] { metrics.report(2); }), Catch::StartsWith("5001 classes are too many"));
}
