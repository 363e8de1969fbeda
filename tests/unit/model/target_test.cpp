#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "catch.hpp"
#include "model/encoder.hpp"
#include "tables.hpp"

using namespace nn;
using namespace nn::model;
using namespace nn::test;
using Catch::Matchers::Contains;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

Target fit(const Batch& batch, bool standardize = false) {
  return fit_target(*batch.schema, std::span(&batch, 1), standardize);
}

std::vector<std::int32_t> labels_of(const Target& target, const Batch& batch, bool unknown_allowed = false) {
  std::vector<std::int32_t> labels(static_cast<std::size_t>(batch.rows), -99);
  encode_labels(target, batch, labels.data(), unknown_allowed);
  return labels;
}

}  // namespace

TEST_CASE("integer classes are sorted by value, texts by bytes") {
  const Target numbers_target = fit(table({integers("y", {10, 9, -1, 10, 2})}));
  CHECK(numbers_target.integers);
  CHECK(numbers_target.classes == std::vector<std::string>{"-1", "2", "9", "10"});
  const Target texts_target = fit(table({texts("y", {"b", "B", "10", "9"})}));
  CHECK_FALSE(texts_target.integers);
  CHECK(texts_target.classes == std::vector<std::string>{"10", "9", "B", "b"});
  const Target dictionary = fit(table({categories("y", {"b", "B", "10", "9"}, 4)}));
  CHECK(dictionary.classes == texts_target.classes);
  const Target flags = fit(table({numbers<std::uint8_t>("y", DType::boolean, {1, 0})}));
  CHECK(flags.classes == std::vector<std::string>{"0", "1"});
}

TEST_CASE("labels are found whatever type they come in") {
  const Target integers_target = fit(table({integers("y", {10, 9, -1})}));  // -1 9 10
  CHECK(labels_of(integers_target, table({integers("y", {9, 10, -1})})) ==
        std::vector<std::int32_t>{1, 2, 0});
  CHECK(labels_of(integers_target, table({doubles("y", {9, 10, -1})})) == std::vector<std::int32_t>{1, 2, 0});
  CHECK(labels_of(integers_target, table({texts("y", {"9", "10", "-1"})})) ==
        std::vector<std::int32_t>{1, 2, 0});
  CHECK(labels_of(integers_target, table({categories("y", {"9", "10", "-1"}, 2)})) ==
        std::vector<std::int32_t>{1, 2, 0});
  CHECK(labels_of(integers_target, table({numbers<std::uint64_t>("y", DType::u64, {9, UINT64_MAX})}), true) ==
        std::vector<std::int32_t>{1, -1});
  CHECK(labels_of(integers_target, table({doubles("y", {9.5, not_a_number, 1e300})}), true) ==
        std::vector<std::int32_t>{-1, -1, -1});
  CHECK(labels_of(integers_target, table({texts("y", {"x", std::nullopt})}), true) ==
        std::vector<std::int32_t>{-1, -1});

  const Target texts_target = fit(table({texts("y", {"b", "a", "7"})}));  // 7 a b
  CHECK(labels_of(texts_target, table({texts("y", {"b", "a"})})) == std::vector<std::int32_t>{2, 1});
  CHECK(labels_of(texts_target, table({categories("y", {"b", "a"}, 1)})) == std::vector<std::int32_t>{2, 1});
  CHECK(labels_of(texts_target, table({integers("y", {7})})) == std::vector<std::int32_t>{0});
}

TEST_CASE("labels that are unknown or missing are errors that name the row") {
  const Target target = fit(table({integers("y", {3, 4})}));
  CHECK_THROWS_WITH(labels_of(target, table({integers("y", {3, 5})}, 10)),
                    "row 11, column 'y': the label '5' did not occur in training (known: 3, 4)");
  CHECK_THROWS_WITH(
      labels_of(target, table({doubles("y", {3, not_a_number})})),
      "row 1, column 'y': the target is missing; --drop-unlabelled leaves out the rows without one");
  CHECK_THROWS_WITH(
      labels_of(target, table({texts("y", {std::nullopt})})),
      "row 0, column 'y': the target is missing; --drop-unlabelled leaves out the rows without one");
  CHECK_THROWS_WITH(labels_of(target, table({integers("z", {3})})), Contains("no target column 'y'"));
  CHECK_THROWS_WITH(
      fit(table({texts("y", {"a", std::nullopt})})),
      "row 1, column 'y': the target is missing; --drop-unlabelled leaves out the rows without one");
  CHECK_THROWS_WITH(fit(table({integers("y", {4, 4})})), Contains("all rows have the label '4'"));
  CHECK_THROWS_WITH(fit(table({numbers<std::uint64_t>("y", DType::u64, {9, UINT64_MAX})})),
                    "row 1, column 'y': the label 18446744073709551615 is too large");
  CHECK_THROWS_WITH(fit(table({integers("z", {4, 4})})), Contains("--label COLUMN"));
  CHECK_THROWS_WITH(fit(table({opaque("y", "date", 2)})), Contains("column 'y' has type date"));
  std::vector<std::int64_t> many(10001);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<std::int64_t>(i);
  CHECK_THROWS_WITH(fit(table({integers("y", many)})), Contains("more than 10000 different labels"));
}

TEST_CASE("numbers are targets as they are or standardised") {
  const Batch batch = table({doubles("y", {1, 3, 5})});
  std::vector<float> out(3);
  encode_targets(fit(batch), batch, out.data());
  CHECK(out == std::vector<float>{1, 3, 5});
  const Target scaled = fit(batch, true);
  encode_targets(scaled, batch, out.data());
  CHECK(out[1] == 0.0f);
  CHECK(out[2] == Approx(std::sqrt(1.5)));
  CHECK(scaled.offset == std::vector<double>{3});

  const Batch vectors = table({numbers<float>("y", DType::f32, {1, 2, 3, 4}, {2})});
  const Target pair = fit(vectors);
  CHECK(pair.width() == 2);
  std::vector<float> pairs(4);
  encode_targets(pair, vectors, pairs.data());
  CHECK(pairs == std::vector<float>{1, 2, 3, 4});
  encode_targets(fit(batch), table({integers("y", {7})}), out.data());
  CHECK(out[0] == 7.0f);
}

TEST_CASE("answers of a scaled number are in the table's unit") {
  Target target = fit(table({doubles("y", {10, 14})}), true);  // offset 12, scale 1 / 2
  std::vector<float> out = {0, 1};
  target.finish(2, out.data());
  CHECK(out == std::vector<float>{12, 14});
  target.answers = {Answers::Kind::quantiles, {0.1, 0.5, 0.9}};
  out = {-1, 0.5f, 0, 1, 2, 3};  // the first row's cross
  target.finish(2, out.data());
  CHECK(out == std::vector<float>{10, 12, 13, 14, 16, 18});
  CHECK(target.answers.point() == 1);
  target.answers = {Answers::Kind::normal, {}};
  out = {1, 0, 0, static_cast<float>(std::log(9.0)), 0, -50};
  target.finish(3, out.data());
  CHECK(out[0] == 14);
  CHECK(out[1] == Approx(2));
  CHECK(out[3] == Approx(6));
  CHECK(out[5] == Approx(2e-3));  // no variance is below 1e-6
}

TEST_CASE("kinds of answers read back from their text, and from what columns are called") {
  for (const char* text : {"normal", "quantiles:0.1,0.5,0.9", "quantiles:0.25"}) {
    const Answers answers = parse_answers(text);
    CHECK(answers.text() == text);
    CHECK(answers_of_names(answers.names()) == answers);
    CHECK(static_cast<std::int64_t>(answers.names().size()) == answers.each());
  }
  for (const char* text : {"", "norm", "quantiles:", "quantiles:0.5,0.1", "quantiles:0.5,0.5", "quantiles:1",
                           "quantiles:a", "quantiles:nan"})
    CHECK_THROWS_WITH(parse_answers(text), Contains("is no kind of answers that is known here"));
  CHECK_FALSE(answers_of_names({"mean", "sd"}));
  CHECK_FALSE(answers_of_names({}));
  CHECK_FALSE(answers_of_names({"q0.1", "y"}));
}

TEST_CASE("targets that are no numbers are refused") {
  std::vector<float> out(4);
  const Target target = fit(table({doubles("y", {1, 3})}));
  CHECK_THROWS_WITH(
      fit(table({doubles("y", {1, not_a_number})}, 5)),
      "row 6, column 'y': the target is missing; --drop-unlabelled leaves out the rows without one");
  CHECK_THROWS_WITH(fit(table({doubles("y", {1, HUGE_VAL})})), Contains("row 1, column 'y': infinity"));
  CHECK_THROWS_WITH(encode_targets(target, table({doubles("y", {1e300})}), out.data()),
                    Contains("row 0, column 'y': 1e+300 is too large"));
  CHECK_THROWS_WITH(encode_targets(target, table({texts("y", {"a"})}), out.data()),
                    "column 'y' holds text, but the model predicts numbers of shape scalar");
  CHECK_THROWS_WITH(encode_targets(target, table({numbers<float>("y", DType::f32, {1, 2}, {2})}), out.data()),
                    "column 'y' holds [2], but the model predicts numbers of shape scalar");
}
