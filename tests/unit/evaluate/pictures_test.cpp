#include "evaluate/pictures.hpp"

#include <numeric>

#include "../ensemble/table.hpp"
#include "catch.hpp"
#include "evaluate/evaluate.hpp"

using namespace nn;
using namespace nn::evaluate;
using nn::test::Table;

namespace {

// Two classes, scores that say something.
Results two_classes(std::size_t rows) {
  Results results;
  results.has_classes = true;
  results.names = {"no", "yes"};
  results.known = 2;
  results.classes.classes.resize(2);
  for (std::size_t i = 0; i < rows; ++i) {
    const double p = static_cast<double>(i * 37 % rows) / static_cast<double>(rows);
    results.kept.outputs.insert(results.kept.outputs.end(), {1 - p, p});
    results.kept.truth.push_back(p + static_cast<double>(i % 10) / 10 > 1 ? 1 : 0);
  }
  std::vector<Areas> areas;
  for (std::size_t c = 0; c < 2; ++c) areas.push_back(ranking_of(results.kept, 2, c).areas());
  add_areas(results.classes, areas);
  return results;
}

}  // namespace

TEST_CASE("curves of many rows have few points, and all of both ends") {
  const auto curves = curves_of(two_classes(100'001), most_curves);
  REQUIRE(curves.size() == 1);
  CHECK(curves[0].of == 1);
  CHECK(curves[0].roc.size() < 1200);
  CHECK(curves[0].roc.front() == std::pair(0.0, 0.0));
  CHECK(curves[0].roc.back() == std::pair(1.0, 1.0));
  CHECK(curves[0].precision_recall.back().second == Approx(curves[0].prevalence));
}

TEST_CASE("the most confused pairs come first, equal ones in their order") {
  Results results;
  results.names = {"a", "b", "c"};
  results.classes.confusion = {5, 1, 2, 0, 7, 4, 2, 0, 9};
  results.classes.classes.resize(3);
  for (std::size_t c = 0; c < 3; ++c)
    results.classes.classes[c].support = std::accumulate(
        results.classes.confusion.begin() + static_cast<std::ptrdiff_t>(3 * c),
        results.classes.confusion.begin() + static_cast<std::ptrdiff_t>(3 * c + 3), std::int64_t{0});
  const auto pairs = most_confused(results, 3);
  REQUIRE(pairs.size() == 3);
  CHECK(pairs[0].truth == 1);
  CHECK(pairs[0].answer == 2);
  CHECK(pairs[0].share == Approx(4.0 / 11));
  CHECK(pairs[1].truth == 0);
  CHECK(pairs[2].truth == 2);
}

TEST_CASE("a few values that are far out don't stretch a histogram, and none is lost") {
  std::vector<double> values(1000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i % 100) / 100;
  values[0] = 1e12;
  const Histogram histogram = histogram_of(values, {}, 10);
  CHECK(histogram.high < 2);
  CHECK(std::accumulate(histogram.counts.begin(), histogram.counts.end(), 0.0) == 1000);
  const Histogram same = histogram_of({3, 3, 3}, {}, 4);
  CHECK(same.low < 3);
  CHECK(same.high > 3);
  const std::vector<double> weights = {1, 0.5, 2};
  const Histogram weighted = histogram_of({0, 1, 1}, weights, 2);
  CHECK(weighted.counts == std::vector<double>{1, 2.5});
}

TEST_CASE(
    "pages and pictures of any table are made: of one row, of one class, of strangers, of constant numbers") {
  const auto drawn = [](const Batch& batch, const EvaluateOptions& options = {}) {
    Evaluation evaluation(batch.schema, options, true);
    evaluation.add(batch);
    evaluation.finish();
    CHECK_THAT(evaluation.page("<b>"), Catch::Contains("<h1>&lt;b&gt;</h1>") && !Catch::Contains("NaN") &&
                                           !Catch::Contains(">nan") && Catch::EndsWith("</html>\n"));
    CHECK_THAT(evaluation.pictures(40), Catch::StartsWith("\n") && !Catch::Contains("nan"));
  };
  drawn(Table().f64("proba", {0.3}).i64("y", {1}).batch());
  drawn(Table().f64("proba", {0.3, 0.4}).i64("y", {1, 1}).batch());
  drawn(Table().f64("proba", {0.3, 0.4}).i64("y", {1, 0}).f64("sample_weight", {0, 1}).batch());
  drawn(Table().i64("label", {7}).i64("y", {8}).batch());
  drawn(Table().f64("value", {1}).f64("y", {1}).batch());
  drawn(Table().f64("value", {1e308, -1e308}).f64("y", {-1e308, 1e308}).batch());
  drawn(Table().f32("value", {1, 2, 3, 4}, {2}).f32("y", {1, 2, 1, 2}, {2}).batch());
}
