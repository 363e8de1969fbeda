#include "evaluate/number_metrics.hpp"

#include <cmath>

#include "catch.hpp"
#include "evaluate/compensated_sum.hpp"
#include "evaluate/uncertainty_metrics.hpp"

using namespace nn;
using namespace nn::evaluate;

TEST_CASE("figures of numbers, by hand") {
  NumberMetrics metrics(1);
  const double predictions[] = {1, 2, 4, 8};
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
  // The variance of the differences 0, -1, 0, 4 is 4.25 - 0.75².
  CHECK(*report.explained_variance == Approx(1 - (4.25 - 0.5625) / 1.5));
  CHECK(*report.mape == Approx((0 + 1.0 / 3 + 0 + 1) / 4));
}

TEST_CASE("a constant y has no R2, and large offsets do not wash figures out") {
  NumberMetrics constant(1);
  const double one = 1;
  const double two = 2;
  constant.add(&one, &two);
  CHECK_FALSE(constant.report().r2);
  NumberMetrics metrics(1);
  for (int i = 0; i < 100000; ++i) {
    const double y = 1e9 + (i % 2);
    const double prediction = 1e9;
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

TEST_CASE("a sum that leaves the range of a double is infinite") {
  CompensatedSum sum;
  sum.add(1e308);
  sum.add(1e308);
  CHECK(std::isinf(sum.value()));
}

TEST_CASE("quantiles, with and without weights") {
  const std::vector<double> four = {4, 1, 3, 2}, five = {5, 1, 4, 2, 3};
  CHECK(*weighted_quantile(four, {}, 0.5) == 2.5);
  CHECK(*weighted_quantile(five, {}, 0.5) == 3);
  CHECK(*weighted_quantile(five, {}, 0.99) == 5);
  const std::vector<double> weights = {0, 2, 1, 1}, none = {0, 0, 0, 0};
  CHECK(*weighted_quantile(four, weights, 0.5) == 1.5);
  CHECK_FALSE(weighted_quantile(four, none, 0.5));
  CHECK_FALSE(weighted_quantile({}, {}, 0.5));
}

TEST_CASE("an uncertainty ranks wrong answers, and covers errors") {
  UncertaintyMetrics answers;
  for (const auto& [uncertainty, wrong] : {std::pair(0.9, true), {0.5, false}, {0.4, true}, {0.1, false}})
    answers.add_answer(uncertainty, wrong, 1);
  CHECK(*answers.report().auroc == 0.75);
  UncertaintyMetrics errors;
  for (const auto& [deviation, error] : {std::pair(1.0, 0.5), {1.0, 1.5}, {2.0, 2.5}, {2.0, 4.0}})
    errors.add_error(deviation, error, 1);
  const UncertaintyReport report = errors.report();
  CHECK(*report.rms == Approx(std::sqrt(2.5)));
  CHECK(*report.coverage_68 == 0.25);
  CHECK(*report.coverage_95 == 0.75);
  // Deviations -½ -½ ½ ½, errors about their mean 2.125.
  CHECK(*report.correlation == Approx(2.25 / std::sqrt(1.0 * 6.6875)));
  CHECK_FALSE(report.auroc);
}
