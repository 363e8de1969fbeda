#include "evaluate/ranking.hpp"

#include "catch.hpp"

using namespace nn;
using namespace nn::evaluate;

TEST_CASE("areas under curves, by hand") {
  // Positives 0.5 0.25, others 0.125 0 0.5: of 6 pairs 0.5 wins 2.5, 0.25 wins 2.
  const std::vector<double> scores = {0.5, 0.25, 0.125, 0, 0.5};
  const Areas areas = Ranking(scores, {true, true, false, false, false}).areas();
  CHECK(*areas.roc == Approx(4.5 / 6));
  // Recall grows by a half at precision 1/2, and by a half at 2/3.
  CHECK(*areas.average_precision == Approx(0.25 + 1.0 / 3));
}

TEST_CASE("areas need both kinds of rows") {
  const std::vector<double> scores = {0.1, 0.2};
  CHECK_FALSE(Ranking(scores, {true, true}).areas().roc);
  CHECK_FALSE(Ranking(scores, {false, false}).areas().roc);
  CHECK(*Ranking(scores, {false, true}).areas().roc == 1);
  CHECK(*Ranking(scores, {true, false}).areas().roc == 0);
  CHECK(*Ranking(scores, {true, true}).areas().average_precision == 1);
  CHECK_FALSE(Ranking(scores, {false, false}).areas().average_precision);
  const std::vector<double> weights = {1, 0};
  CHECK_FALSE(Ranking(scores, {false, true}).areas(weights).roc);
}

TEST_CASE("a row of weight two is two rows") {
  const std::vector<double> scores = {0.1, 0.4, 0.4, 0.8}, weights = {1, 2, 1, 3};
  const std::vector<double> twice = {0.1, 0.4, 0.4, 0.4, 0.8, 0.8, 0.8};
  const Areas weighted = Ranking(scores, {true, false, true, true}).areas(weights);
  const Areas plain = Ranking(twice, {true, false, false, true, true, true, true}).areas();
  CHECK(*weighted.roc == Approx(*plain.roc));
  CHECK(*weighted.average_precision == Approx(*plain.average_precision));
}

TEST_CASE("thresholds: the best of F1 and of Youden's index stand among the tenths") {
  const std::vector<double> scores = {0.9, 0.8, 0.7, 0.35, 0.3, 0.2};
  const Ranking ranking(scores, {true, true, false, true, false, false});
  const auto points = ranking.points();
  REQUIRE(points.size() == 6);
  CHECK(points[2].threshold == 0.7);
  CHECK(points[2].true_positives == 2);
  CHECK(points[2].false_positives == 1);
  const auto table = threshold_table(points);
  REQUIRE(table.size() == 10);  // 0.8 is one of the tenths
  CHECK(table[3].threshold == 0.35);
  CHECK(table[3].best_f1);
  CHECK(table[3].f1 == Approx(6.0 / 7));
  CHECK(table[3].recall == 1);
  CHECK_FALSE(table[3].best_youden);
  CHECK(table[8].threshold == 0.8);
  CHECK(table[8].best_youden);
  CHECK(table[8].youden == Approx(2.0 / 3));
  CHECK(table[9].recall == Approx(1.0 / 3));
  CHECK(table[0].accuracy == 0.5);
  CHECK(threshold_table(Ranking(scores, std::vector<bool>(6, true)).points()).empty());
  CHECK(threshold_table({}).empty());
}
