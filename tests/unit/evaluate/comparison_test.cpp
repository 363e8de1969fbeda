#include "evaluate/comparison.hpp"

#include <cmath>

#include "../ensemble/table.hpp"
#include "base/log.hpp"
#include "catch.hpp"
#include "evaluate/significance.hpp"

using namespace nn;
using namespace nn::evaluate;
using nn::test::message_of;
using nn::test::Table;

namespace {

std::vector<PairedTest> tests_of(const Batch& a, const Batch& b, const EvaluateOptions& options = {}) {
  Comparison comparison({a.schema, "a"}, {b.schema, "b"}, options);
  comparison.add_first(a);
  comparison.add_second(b);
  comparison.finish();
  return comparison.tests();
}

}  // namespace

TEST_CASE("chances are those of scipy") {
  // scipy.special.betainc, scipy.stats.binomtest(k, n).pvalue, 2 * scipy.stats.t.sf(t, df), t.ppf
  CHECK(incomplete_beta(2, 3, 0.25) == Approx(0.26171875).epsilon(1e-13));
  CHECK(incomplete_beta(0.5, 250, 0.001) == Approx(0.5203901011282841).epsilon(1e-12));
  CHECK(mcnemar(0, 5) == Approx(0.0625).epsilon(1e-13));
  CHECK(mcnemar(3, 12) == Approx(0.03515625).epsilon(1e-13));
  CHECK(mcnemar(12, 3) == mcnemar(3, 12));
  CHECK(mcnemar(0, 0) == 1);
  CHECK(mcnemar(7, 7) == 1);
  CHECK(mcnemar(5000, 5200) == Approx(0.04878796312682234).epsilon(1e-9));
  CHECK(student_two_sided(2, 10) == Approx(0.07338803477074).epsilon(1e-11));
  CHECK(student_two_sided(0, 3) == 1);
  CHECK(student_two_sided(INFINITY, 3) == 0);
  CHECK(student_quantile(0.95, 10) == Approx(2.2281388519649).epsilon(1e-11));
  CHECK(student_quantile(0.95, 1e6) == Approx(1.959966356814107).epsilon(1e-9));
}

TEST_CASE("accuracies are compared by the rows that only one has right, losses pair by pair") {
  const Batch a = Table().f64("proba", {0.1, 0.2, 0.9, 0.6}).i64("y", {0, 0, 1, 1}).batch();
  const Batch b = Table().f64("proba", {0.6, 0.3, 0.9, 0.4}).i64("y", {0, 0, 1, 1}).batch();
  const auto tests = tests_of(a, b);
  REQUIRE(tests.size() == 2);
  CHECK(tests[0].figure == "accuracy");
  CHECK(tests[0].first == 1);
  CHECK(tests[0].second == 0.5);
  CHECK(tests[0].first_only == 2);
  CHECK(tests[0].second_only == 0);
  CHECK(*tests[0].p == Approx(0.5));
  CHECK(tests[0].sign() < 0);
  const double d[] = {std::log(0.4 / 0.9), std::log(0.7 / 0.8), 0, std::log(0.4 / 0.6)};
  const double mean = (d[0] + d[1] + d[3]) / 4;
  double squares = 0;
  for (const double value : d) squares += (value - mean) * (value - mean);
  const double error = std::sqrt(squares / 3 / 4);
  CHECK(tests[1].difference == Approx(mean));
  CHECK(*tests[1].p == Approx(student_two_sided(mean / error, 3)));
  CHECK(*tests[1].high == Approx(mean + error * student_quantile(0.95, 3)));
  CHECK(tests[1].sign() < 0);
}

TEST_CASE("rows meet by id where there is one, whatever their order and their type") {
  const auto value = [](std::vector<double> values, std::vector<double> y) {
    return Table().f64("value", std::move(values)).f64("y", std::move(y));
  };
  const Batch a = value({1, 2, 3}, {1, 1, 1}).i64("id", {10, 20, 30}).batch();
  const Batch b = value({4, 1, 2}, {1, 1, 1}).category("id", {"30", "10", "20"}, {0, 1, 2}).batch();
  const auto tests = tests_of(a, b);
  CHECK(tests[0].first == Approx(5.0 / 3));
  CHECK(tests[0].second == Approx(10.0 / 3));
  CHECK(tests[0].difference == Approx(-5.0 / 3));
  set_verbosity(Verbosity::quiet);
  const Batch more = value({4, 1}, {1, 1}).i64("id", {40, 10}).batch();
  CHECK(tests_of(a, more)[0].first == 0);  // row 10 alone
}

TEST_CASE("tables that are not of the same rows are refused") {
  const auto labels = [](std::vector<std::int64_t> label, std::vector<std::int64_t> y,
                         std::int64_t first = 0) {
    return Table(first).i64("label", std::move(label)).i64("y", std::move(y));
  };
  EvaluateOptions confusion;
  confusion.confusion = true;
  struct Row {
    Table a, b;
    const char* message;
    EvaluateOptions options = {};
  };
  for (const Row& row :
       {Row{labels({1, 1}, {1, 0}), labels({1, 1}, {1, 1}), "row 1: y is '0' in a, and '1' in b"},
        Row{labels({1, 1}, {1, 0}), labels({1}, {1}), "row 1 is in a alone"},
        Row{labels({1}, {1}), labels({1, 1}, {1, 0}), "row 1 is in b alone"},
        Row{labels({1}, {1}), labels({1}, {1}, 5), "no rows with y in common"},
        Row{labels({1}, {1}).i64("id", {1}), labels({1}, {1}).i64("id", {2}), "no rows with y in common"},
        Row{labels({1, 1}, {1, 1}).i64("id", {1, 2}), labels({1, 1}, {1, 1}).i64("id", {1, 1}),
            "id '1': is there twice in b"},
        Row{labels({1}, {1}).f64("sample_weight", {1}), labels({1}, {1}).f64("sample_weight", {2}),
            "row 0: the weight is 1 in a, and 2 in b"},
        Row{labels({1}, {1}), Table().f64("value", {1}).f64("y", {1}), "a answers classes, b numbers"},
        Row{Table().f32("value", {1, 2}, {2}).f32("y", {1, 2}, {2}), Table().f64("value", {1}).f64("y", {1}),
            "a answers 2 values a row, b 1"},
        Row{labels({1}, {1}), labels({1}, {1}), "goes with no figures of one", confusion}}) {
    INFO(row.message);
    CHECK_THAT(message_of([&] { tests_of(row.a.batch(), row.b.batch(), row.options); }),
               Catch::Contains(row.message));
  }
}

TEST_CASE("classes of two models are the same by name or by integer value") {
  const Batch a = Table().i64("label", {1, 2}).i64("y", {1, 1}).batch();
  const Batch b = Table().category("label", {"01", "02"}, {0, 0}).category("y", {"01"}, {0, 0}).batch();
  const auto tests = tests_of(a, b);
  CHECK(tests[0].first == 0.5);
  CHECK(tests[0].second == 1);
  CHECK(tests[0].sign() > 0);
}
