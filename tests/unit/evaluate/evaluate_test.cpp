#include "evaluate/evaluate.hpp"

#include <limits>

#include "../ensemble/table.hpp"
#include "base/log.hpp"
#include "catch.hpp"

using namespace nn;
using namespace nn::evaluate;
using nn::test::message_of;
using nn::test::Table;

namespace {

std::string json_of(const Batch& batch, EvaluateOptions options = {}) {
  Evaluation evaluation(batch.schema, options);
  evaluation.add(batch);
  evaluation.finish();
  return evaluation.json();
}

}  // namespace

TEST_CASE("y meets the classes by name or by integer value, whatever its type") {
  const std::string classes = "[\"3\",\"5\"]";
  const std::vector<float> proba = {0.75f, 0.25f, 0.25f, 0.75f, 1, 0};
  const auto table = [&] { return Table().f32("proba", proba, {2}).meta("nn.classes", classes); };
  struct Row {
    const char* what;
    Table table;
  };
  for (const Row& row :
       {Row{"integers", table().i64("y", {3, 5, 5})}, Row{"floats", table().f64("y", {3, 5, 5})},
        Row{"categories", table().category("y", {"5", "3"}, {1, 0, 0})},
        Row{"small integers", table().add<std::uint8_t>("y", DType::u8, {3, 5, 5})}}) {
    INFO(row.what);
    CHECK_THAT(json_of(row.table.batch()), Catch::Contains("\"accuracy\":0.6666666666666666,"));
  }
  CHECK_THAT(json_of(Table()
                         .f32("proba", proba, {2})
                         .meta("nn.classes", "[3,5]")
                         .category("y", {"3", "5"}, {0, 1, 1})
                         .batch()),
             Catch::Contains("\"accuracy\":0.6666666666666666,"));
}

TEST_CASE("rows without y are left out and counted, strangers count as wrong") {
  set_verbosity(Verbosity::quiet);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::string json =
      json_of(Table().f32("proba", {1, 0, 1, 0, 0, 1, 0, 1}, {2}).f32("y", {0, nan, 7, 1}).batch());
  CHECK_THAT(json, Catch::StartsWith(
                       "{\"rows\":3,\"unlabelled\":1,\"unknown_labels\":1,\"accuracy\":0.6666666666666666"));
  const std::string validity =
      json_of(Table().f32("proba", {1, 0, 1, 0}, {2}).i64("y", {0, 1}).validity(1).batch());
  CHECK_THAT(validity,
             Catch::StartsWith("{\"rows\":1,\"unlabelled\":1,\"unknown_labels\":0,\"accuracy\":1.0"));
}

TEST_CASE("probabilities come as a tensor, as columns of a text table, or as one column") {
  const std::string tensor =
      json_of(Table().f32("proba", {0.75f, 0.25f, 0.5f, 0.5f}, {2}).i64("y", {0, 1}).batch());
  CHECK(json_of(Table().f64("proba_0", {0.75, 0.5}).f64("proba_1", {0.25, 0.5}).i64("y", {0, 1}).batch()) ==
        tensor);
  CHECK(json_of(Table().f64("proba", {0.25, 0.5}).i64("y", {0, 1}).batch()) == tensor);
  EvaluateOptions named;
  named.classes = {"no", "yes"};
  CHECK(json_of(Table().f64("proba", {0.25, 0.5}).category("y", {"no", "yes"}, {0, 1}).batch(), named) ==
        tensor);
}

TEST_CASE("columns that are named after classes or targets are these, in any order of the two") {
  const std::string cats = json_of(Table()
                                       .f32("proba", {0.75F, 0.25F, 0.5F, 0.5F}, {2})
                                       .meta("nn.classes", R"(["cat","dog"])")
                                       .category("y", {"cat", "dog"}, {0, 1})
                                       .batch());
  CHECK(json_of(Table()
                    .f64("proba_cat", {0.75, 0.5})
                    .f64("proba_dog", {0.25, 0.5})
                    .category("y", {"cat", "dog"}, {0, 1})
                    .batch()) == cats);
  CHECK(json_of(Table()
                    .f64("proba_dog", {0.25, 0.5})
                    .f64("proba_cat", {0.75, 0.5})
                    .category("y", {"cat", "dog"}, {0, 1})
                    .category("label", {"cat", "dog"}, {0, 0})
                    .batch()) == cats);
  // Classes that are 3 and 0 are no numbers of columns.
  CHECK_THAT(
      json_of(Table().f64("proba_0", {0.75, 0.5}).f64("proba_3", {0.25, 0.5}).i64("y", {0, 3}).batch()),
      Catch::Contains("\"accuracy\":0.5,"));
  const std::string numbers =
      json_of(Table().f32("value", {1, 2, 3, 4}, {2}).f32("y", {1, 3, 3, 4}, {2}).batch());
  const std::string named = json_of(
      Table().f64("value_a", {1, 3}).f64("value_b", {2, 4}).f64("y_a", {1, 3}).f64("y_b", {3, 4}).batch());
  CHECK(named.substr(0, named.find("\"values\"")) == numbers.substr(0, numbers.find("\"values\"")));
  CHECK_THAT(named, Catch::Contains("{\"value\":\"b\",\"rmse\":0.7071067811865476"));
  CHECK_THROWS_WITH(json_of(Table()
                                .f64("value_a", {1, 3})
                                .f64("value_b", {2, 4})
                                .f64("y_b", {3, 4})
                                .f64("y_a", {1, 3})
                                .batch()),
                    Catch::StartsWith("value 0 of a row is 'a' in the predictions, and 'b' in y"));
}

TEST_CASE("labels alone give what follows from answers; the label column is the answer") {
  const std::string labels =
      json_of(Table().category("label", {"a", "b"}, {0, 1, 1}).category("y", {"b", "a"}, {1, 0, 1}).batch());
  CHECK_THAT(labels, Catch::Contains("\"accuracy\":0.6666666666666666"));
  CHECK_THAT(labels, Catch::Contains("\"log_loss\":null"));
  // An ensemble's tie went to class 1: argmax of the probabilities would say 0.
  CHECK_THAT(json_of(Table().f32("proba", {0.5f, 0.5f}, {2}).i64("label", {1}).i64("y", {1}).batch()),
             Catch::Contains("\"accuracy\":1.0"));
}

TEST_CASE("numbers: scalars, vectors, missing y") {
  CHECK_THAT(json_of(Table().f32("value", {1, 2}).f64("y", {1, 4}).batch()), Catch::Contains("\"mse\":2.0"));
  CHECK_THAT(json_of(Table().f32("value", {1, 2}).i64("y", {1, 4}).validity(1).batch()),
             Catch::StartsWith("{\"rows\":1,\"unlabelled\":1,\"rmse\":0.0"));
  CHECK_THAT(json_of(Table().f32("value", {1, 2, 3, 4}, {2}).f32("y", {1, 2, 3, 8}, {2}).batch()),
             Catch::Contains("\"mse\":4.0"));
  // Of values of unlike scale each has figures of its own.
  CHECK_THAT(
      json_of(Table().f32("value", {1, 200, 3, 400}, {2}).f32("y", {1, 300, 5, 400}, {2}).batch()),
      Catch::Contains("\"values\":[{\"value\":\"0\",\"rmse\":1.4142135623730951,\"baseline_rmse\":2.0") &&
          Catch::Contains("{\"value\":\"1\",\"rmse\":70.71067811865476,\"baseline_rmse\":50.0,\"mae\":50.0,"
                          "\"bias\":-50.0,\"r2\":-1.0}"));
}

TEST_CASE("quantiles, and means with deviations: one stands for the number, all are looked at") {
  const auto has = [](const std::string& json, std::initializer_list<const char*> parts) {
    for (const char* part : parts) CHECK_THAT(json, Catch::Contains(part));
  };
  const auto quantiles = Table()
                             .f32("value", {0, 1, 2, 0, 2, 6}, {3})
                             .f64("y", {1, 7})
                             .meta("nn.answers", "quantiles:0.1,0.5,0.9");
  // Losses 0.1, 0, 0.1 and 0.7, 2.5, 0.9.
  has(json_of(quantiles.batch()),
      {"\"mse\":12.5", "\"pinball_loss\":0.71666", "\"below_q0.1\":0.0", "\"below_q0.5\":0.5",
       "\"below_q0.9\":0.5", "\"coverage_80\":0.5", "\"interval_width\":4.0"});
  // As CSV has them.
  has(json_of(Table().f32("value_q0.1", {0}).f32("value_q0.9", {2}).f64("y", {1}).batch()),
      {"\"coverage_80\":1.0", "\"pinball_loss\":0.0999999"});
  const auto normal = Table().f32("value", {1, 2, 5, 1}, {2}).f64("y", {3, 5}).meta("nn.answers", "normal");
  has(json_of(normal.batch()),
      {"\"mse\":2.0", "\"uncertainty_rms\":1.58", "\"coverage_68\":1.0", "\"nll\":1.51551"});
  const auto wrong = Table().f32("value", {1, 2}, {2}).f64("y", {3}).meta("nn.answers", "quantiles:0.5");
  CHECK_THAT(message_of([&] { json_of(wrong.batch()); }), Catch::Contains("there are 2 values a row"));
}

TEST_CASE("tables that cannot be evaluated say what is missing") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EvaluateOptions three;
  three.classes = {"a", "b", "c"};
  EvaluateOptions top;
  top.top_k = 2;
  EvaluateOptions twice, zeros;
  twice.classes = {"a", "a"};
  zeros.classes = {"01", "001"};
  struct Row {
    Table table;
    const char* message;
    EvaluateOptions options = {};
  };
  for (const Row& row :
       {Row{Table().f32("proba", {1, 0}, {2}), "no column y"}, Row{Table().i64("y", {1}), "no predictions"},
        Row{Table().f32("value", {1}).category("y", {"a"}, {0}), "column y is category, expected numbers"},
        Row{Table().f32("value", {1}).f32("y", {1, 2}, {2}), "the predictions have 1 values a row"},
        Row{Table().f32("proba", {1, 0}, {2}).f32("y", {1, 2}, {2}), "expected one class a row"},
        Row{Table().f32("proba", {1, 0}, {2}).category("y", {"a"}, {0}), "--classes A,B"},
        Row{Table().f32("proba", {1, 0}, {2}).category("y", {"a"}, {0}), "--classes names 3 classes", three},
        Row{Table().f32("proba", {nan, 0}, {2}).i64("y", {0}),
            "row 0: column proba is missing or not finite"},
        Row{Table(4).f32("proba", {2, 0}, {2}).i64("y", {0}), "row 4: 2 is not a probability"},
        Row{Table().i64("label", {1}).i64("y", {0}), "need probabilities", top},
        Row{Table().i64("label", {1}).i64("y", {0}).validity(0), "no row has y"}}) {
    INFO(row.message);
    CHECK_THAT(message_of([&] { json_of(row.table.batch(), row.options); }), Catch::Contains(row.message));
  }
}

TEST_CASE("the cut into batches changes no figure") {
  const Batch batch = Table()
                          .f32("proba", {0.9f, 0.1f, 0.3f, 0.7f, 0.6f, 0.4f, 0.2f, 0.8f}, {2})
                          .i64("y", {0, 1, 1, 0})
                          .batch();
  Evaluation parts(batch.schema, {});
  for (std::int64_t row = 0; row < 4; ++row) parts.add(slice(batch, row, 1));
  parts.finish();
  CHECK(parts.json() == json_of(batch));
}

TEST_CASE("a class that is written exactly so comes before one of the same value") {
  EvaluateOptions options;
  options.classes = {"01", "1"};
  CHECK_THAT(json_of(Table().f64("proba", {1, 0}).i64("y", {1, 1}).batch(), options),
             Catch::Contains("\"accuracy\":0.5,"));
  CHECK_THAT(json_of(Table().f64("proba", {1, 0}).category("y", {"1", "01"}, {0, 1}).batch(), options),
             Catch::Contains("\"accuracy\":1.0,"));
  // Texts that are written differently are two classes; a number is whatever has its value.
  CHECK_THAT(json_of(Table().category("label", {"1"}, {0, 0}).category("y", {"1", "01"}, {0, 1}).batch()),
             Catch::Contains("\"accuracy\":0.5,"));
  CHECK_THAT(json_of(Table().i64("label", {1, 1}).category("y", {"01"}, {0, 0}).batch()),
             Catch::Contains("\"accuracy\":1.0,"));
}

TEST_CASE("numbers keep all digits that they have in double") {
  CHECK_THAT(json_of(Table().f64("value", {16777217, 3}).f64("y", {16777217, 3}).batch()),
             Catch::Contains("\"max_error\":0.0,"));
  // Of two classes the first is as near to 0 as the second is to 1.
  EvaluateOptions options;
  CHECK_THAT(json_of(Table().f64("proba", {1 - 0x1p-40}).i64("y", {0}).batch(), options),
             Catch::Contains("\"log_loss\":27.72588722"));
}
