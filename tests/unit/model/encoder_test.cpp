#include "model/encoder.hpp"

#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.hpp"
#include "base/log.hpp"
#include "catch.hpp"
#include "linear.hpp"
#include "tables.hpp"

using namespace nn;
using namespace nn::model;
using namespace nn::test;
using Catch::Matchers::Contains;

namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double infinity = std::numeric_limits<double>::infinity();

Encoder fit(const Batch& batch, bool standardize = false) {
  return Encoder::fit(*batch.schema, std::span(&batch, 1), standardize ? Scaling::all : Scaling::none);
}

std::vector<float> encode(const Encoder& encoder, const Batch& batch) {
  const BoundEncoder bound = encoder.bind(*batch.schema);
  std::vector<float> x(static_cast<std::size_t>(bound.width() * batch.rows), -99.0f);
  bound.encode(batch, x.data());
  return x;
}

}  // namespace

TEST_CASE("every number type becomes the same floats") {
  const std::vector<float> expected{1, 0, 5};
  const auto check = [&](const TestColumn& column) {
    INFO(name_of(column.field.type));
    const Batch batch = table({column});
    CHECK(encode(fit(batch), batch) == expected);
  };
  check(numbers<std::int8_t>("a", DType::i8, {1, 0, 5}));
  check(numbers<std::int16_t>("a", DType::i16, {1, 0, 5}));
  check(numbers<std::int32_t>("a", DType::i32, {1, 0, 5}));
  check(numbers<std::int64_t>("a", DType::i64, {1, 0, 5}));
  check(numbers<std::uint8_t>("a", DType::u8, {1, 0, 5}));
  check(numbers<std::uint16_t>("a", DType::u16, {1, 0, 5}));
  check(numbers<std::uint32_t>("a", DType::u32, {1, 0, 5}));
  check(numbers<std::uint64_t>("a", DType::u64, {1, 0, 5}));
  check(numbers<std::uint16_t>("a", DType::f16, {0x3C00, 0, 0x4500}));
  check(numbers<float>("a", DType::f32, {1, 0, 5}));
  check(doubles("a", {1, 0, 5}));
  const Batch flags = table({numbers<std::uint8_t>("a", DType::boolean, {1, 0, 1})});
  CHECK(encode(fit(flags), flags) == std::vector<float>{1, 0, 1});
}

TEST_CASE("missing numbers take the mean of the present ones, NaN counts as missing") {
  const Batch batch = table(
      {doubles("a", {1, 777, 5, not_a_number}, {true, false, true, true}), integers("b", {1, 2, 3, 4})});
  CHECK(encode(fit(batch), batch) == std::vector<float>{1, 1, 3, 2, 5, 3, 3, 4});
  const auto x = encode(fit(batch, true), batch);
  CHECK(x[0] == -1.0f);
  CHECK(x[2] == 0.0f);
  CHECK(x[4] == 1.0f);
  CHECK(x[6] == 0.0f);
  // A column without a missing value in training has a fill all the same.
  const Batch later = table({doubles("a", {0}), doubles("b", {not_a_number})});
  CHECK(encode(fit(batch), later) == std::vector<float>{0, 2.5f});
}

TEST_CASE("standardised columns have mean 0 and variance 1, constant ones are 0") {
  const Batch batch =
      table({doubles("a", {0.1, 0.1, 0.1}), doubles("b", {2, 4, 6}), doubles("c", {1e15, 1e15, 1e15})});
  const Encoder encoder = fit(batch, true);
  CHECK(encoder.columns()[0].scale == std::vector<double>{1});
  CHECK(encoder.columns()[0].offset == std::vector<double>{0.1});
  CHECK(encoder.columns()[1].offset == std::vector<double>{4});
  CHECK(encoder.columns()[1].scale[0] == Approx(std::sqrt(3.0 / 8)));
  const auto x = encode(encoder, batch);
  for (std::size_t r = 0; r < 3; ++r) CHECK(x[r * 3] == 0.0f);
  CHECK(x[1] == Approx(-std::sqrt(1.5)));
  CHECK(x[8] == 0.0f);
}

TEST_CASE("what is constant but for rounding is not enlarged, and what differs by more is") {
  const auto scale = [](const TestColumn& column) { return fit(table({column}), true).columns()[0].scale; };
  CHECK(scale(doubles("a", {0.1 + 0.2, 0.3, 0.3})) == std::vector<double>{1});
  CHECK(scale(doubles("a", {-1e6 * (0.1 + 0.2), -3e5, -3e5})) == std::vector<double>{1});
  CHECK(scale(numbers<float>("a", DType::f32, {0.1f + 0.7f, 0.8f, 0.8f})) == std::vector<double>{1});
  CHECK(scale(numbers<float>("a", DType::f32, {1e6f, 1e6f + 1}))[0] == Approx(2));
  CHECK(scale(doubles("a", {1e9, 1e9 + 1e-3}))[0] == Approx(2000).epsilon(1e-3));
  CHECK(scale(doubles("a", {1e-100, 3e-100}))[0] == Approx(1e100));
  CHECK(
      fit(table({numbers<double>("x", DType::f64, {0.1 + 0.2, 5, 0.3, 7}, {2})}), true).columns()[0].scale ==
      std::vector<double>{1, 1});
}

TEST_CASE("a row of weight 2 counts for scales as much as two rows") {
  const auto fitted = [](std::vector<double> values, std::vector<double> weights) {
    return fit(table({doubles("a", std::move(values)), doubles("sample_weight", std::move(weights))}), true)
        .columns()[0];
  };
  const InputColumn weighted = fitted({1, 4, 9}, {2, 1, 0}), repeated = fitted({1, 1, 4}, {1, 1, 1});
  CHECK(weighted.offset[0] == Approx(repeated.offset[0]));
  CHECK(weighted.scale[0] == Approx(repeated.scale[0]));
}

TEST_CASE("numbers are scaled alone, or with images") {
  const Batch batch = table({integers("n", {1, 3}), numbers<float>("v", DType::f32, {1, 5, 3, 5}, {2}),
                             numbers<float>("image", DType::f32, {1, 2, 3, 4}, {2, 1}),
                             numbers<std::uint8_t>("bytes", DType::u8, {0, 255}, {1})});
  const auto scales = [&](Scaling scaling) {
    std::vector<std::vector<double>> all;
    const Encoder encoder = Encoder::fit(*batch.schema, std::span(&batch, 1), scaling);
    for (const InputColumn& column : encoder.columns()) all.push_back(column.scale);
    return all;
  };
  const std::vector<double> bytes{1 / 255.0};
  CHECK(scales(Scaling::none) == std::vector<std::vector<double>>{{}, {}, {}, bytes});
  CHECK(scales(Scaling::numbers) == std::vector<std::vector<double>>{{1}, {1, 1}, {}, bytes});
  CHECK(scales(Scaling::all) == std::vector<std::vector<double>>{{1}, {1, 1}, {1, 1}, {1 / 127.5}});
}

TEST_CASE("texts and dictionaries become the same one-hot columns, unknown and missing all zero") {
  const std::vector<Text> words{"b", std::nullopt, "a", "b", "ä"};
  for (const Batch& batch : {table({texts("t", words)}), table({categories("t", words, 3)})}) {
    const Encoder encoder = fit(batch);
    CHECK(encoder.columns()[0].categories == std::vector<std::string>{"a", "b", "ä"});
    for (const Batch& again :
         {table({texts("t", words)}), table({categories("t", words, 7)}), table({categories("t", words)})}) {
      CHECK(encode(encoder, again) == std::vector<float>{0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1});
    }
    CHECK(encode(encoder, table({texts("t", {"c"})})) == std::vector<float>{0, 0, 0});
    CHECK(encode(encoder, table({categories("t", {"c"}, 1)})) == std::vector<float>{0, 0, 0});
  }
}

TEST_CASE(
    "cells with unknown texts are counted by column, missing ones aren't, and each column is told once") {
  const Batch rows = table({texts("t", {"a", "b"}), doubles("n", {1, 2}), texts("u", {"c", "d"})});
  const Encoder encoder = fit(rows);
  REQUIRE(encoder.unknown() != nullptr);
  encode(encoder, rows);
  CHECK(encoder.unknown()->take_first().empty());
  const Encoder copy = encoder;
  for (int i = 0; i < 2; ++i) {
    encode(copy, table({categories("t", {"x", std::nullopt, "a"}), doubles("n", {1, 2, 3}),
                        texts("u", {"c", "d", "c"})}));
    CHECK(encoder.unknown()->of(0) == static_cast<std::uint64_t>(i + 1));
    CHECK(encoder.unknown()->take_first() ==
          (i == 0 ? std::vector<std::size_t>{0} : std::vector<std::size_t>{}));
  }
  encode(encoder, table({texts("t", {"a"}), doubles("n", {1}), texts("u", {""})}));
  CHECK(encoder.unknown()->of(2) == 1);
  CHECK(encoder.unknown()->take_first() == std::vector<std::size_t>{2});
  // A column that is empty, whatever its type, has nothing that is unknown.
  encode(encoder, table({doubles("t", {not_a_number}, {true}), doubles("n", {1}), texts("u", {"c"})}));
  CHECK(encoder.unknown()->of(0) == 2);
  CHECK(fit(table({doubles("n", {1, 2})})).unknown() == nullptr);
}

TEST_CASE("tensors of bytes are scaled by 255, others are taken as they are") {
  const Batch bytes = table({numbers<std::uint8_t>("x", DType::u8, {0, 255, 51, 102}, {2})});
  const Encoder encoder = fit(bytes);
  CHECK(encoder.input_shape() == Shape{2});
  const auto x = encode(encoder, bytes);
  CHECK(x == std::vector<float>{0, 1, static_cast<float>(51 * (1.0 / 255)),
                                static_cast<float>(102 * (1.0 / 255))});
  const Batch floats = table({numbers<float>("x", DType::f32, {0, 255, 0.5f, 1}, {2})});
  CHECK(encode(fit(floats), floats) == std::vector<float>{0, 255, 0.5f, 1});
  const Batch wide = table({numbers<double>("x", DType::f64, {1, 2, 3, 5}, {1, 2})});
  CHECK(fit(wide).input_shape() == Shape{1, 2});
  CHECK(encode(fit(wide, true), wide) == std::vector<float>{-1, -1, 1, 1});
}

TEST_CASE("columns stand in the order of training, whatever the order of the table") {
  const Batch train = table({integers("id", {1, 2}), doubles("a", {1, 2}), texts("t", {"u", "v"}),
                             numbers<float>("x", DType::f32, {5, 6, 7, 8}, {2}), integers("y", {0, 1})});
  const Encoder encoder = fit(train);
  CHECK(encoder.width() == 5);
  CHECK(encoder.input_shape() == Shape{5});
  const Batch other =
      table({numbers<float>("x", DType::f32, {5, 6, 7, 8}, {2}), texts("extra", {"", ""}),
             categories("t", {"u", "v"}), opaque("when", "timestamp", 2), integers("a", {1, 2})});
  CHECK(encode(encoder, other) == encode(encoder, train));
  CHECK(encode(encoder, train) == std::vector<float>{1, 1, 0, 5, 6, 2, 0, 1, 7, 8});
}

TEST_CASE("many rows and columns are encoded block by block") {
  constexpr std::size_t rows = 3000;
  std::vector<TestColumn> columns;
  for (int c = 0; c < 70; ++c) {
    std::vector<double> values(rows);
    std::iota(values.begin(), values.end(), c * 10000.0);
    columns.push_back(doubles("c" + std::to_string(c), values));
  }
  const Batch batch = table(columns);
  const auto x = encode(fit(batch), batch);
  bool same = true;
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < 70; ++c) same &= x[r * 70 + c] == static_cast<float>(c * 10000 + r);
  }
  CHECK(same);
  // Rows do not depend on the batch that they come in.
  const Encoder encoder = fit(batch, true);
  const auto whole = encode(encoder, batch);
  const auto part = encode(encoder, slice(batch, 1234, 77));
  CHECK(std::equal(part.begin(), part.end(), whole.begin() + 1234 * 70));
}

TEST_CASE("columns that cannot be learned from are refused by name, with advice") {
  std::vector<Text> many;
  for (int i = 0; i <= 1000; ++i) many.emplace_back("text " + std::to_string(i));
  struct Case {
    Batch batch;
    bool standardize;
    const char* message;
  };
  const Case cases[] = {
      {table({opaque("when", "timestamp", 2)}), false,
       "column 'when' has type timestamp, which no network can learn from; leave it out with --drop when"},
      {table({texts("name", many)}), false,
       "column 'name' has more than 1000 different texts, too many for categories; leave it out with --drop "
       "name, or pass it through with --id name"},
      {table({doubles("a", {1, infinity})}, 40), false,
       "row 41, column 'a': infinity is not a number that a network can learn from"},
      {table({doubles("a", {1e308, 1e308})}), false, "column 'a': the values are too large to add up"},
      {table({numbers<float>("x", DType::f32, {1, 2, 3, NAN}, {2})}), true,
       "row 1, column 'x', element 1: NaN is not"},
      {table({numbers<float>("x", DType::f32, {1, 2, 3, 4}, {2}, {true, false})}), false,
       "row 1, column 'x': the tensor is missing"},
      {table({integers("y", {1, 2}), integers("id", {1, 2})}), false,
       "the table has no columns to learn from besides y and id"},
      {table({doubles("a", {1}), doubles("a", {1})}), false, "two columns are called 'a'"},
      {table({doubles("a", {})}), false, "there are no rows to learn from"},
  };
  for (const Case& c : cases) {
    INFO(c.message);
    CHECK_THROWS_WITH(fit(c.batch, c.standardize), Contains(c.message));
  }
}

TEST_CASE("a column without values is left out") {
  set_verbosity(Verbosity::quiet);
  const Batch batch = table({doubles("a", {1, 2}), doubles("empty", {not_a_number, not_a_number}),
                             texts("blank", {std::nullopt, std::nullopt})});
  CHECK(fit(batch).columns().size() == 1);
  CHECK_THROWS_WITH(fit(table({doubles("empty", {not_a_number})})), Contains("no columns to learn from"));
}

TEST_CASE("a table that does not fit is refused, naming the column and what is expected") {
  const Batch train = table(
      {doubles("age", {1, 2}), texts("job", {"u", "v"}), numbers<float>("x", DType::f32, {5, 6, 7, 8}, {2})});
  const Encoder encoder = fit(train);
  const TestColumn age = doubles("age", {1});
  const TestColumn job = categories("job", {"u"});
  const TestColumn x = numbers<float>("x", DType::f32, {5, 6}, {2});
  TestColumn plain_text = texts("age", {"old"});
  plain_text.field.nullable = false;
  plain_text.column.validity = nullptr;
  struct Case {
    Batch batch;
    const char* message;
  };
  const Case cases[] = {
      {table({job, x}), "the table has no column 'age', which the model needs (it has: job, x)"},
      {table({doubles("Age", {1}), job, x}), "is it 'Age'?"},
      {table({doubles("c0", {1}), texts("c1", {"u"}), numbers<float>("c2", DType::f32, {5, 6}, {2})}),
       "is the header line of the table missing?"},
      {table({plain_text, job, x}), "column 'age' holds text in this table, but the model needs numbers"},
      {table({job, x, texts("age", {std::nullopt, "old"})}, 7),
       "row 8, column 'age': the model needs a number here, but the table has old"},
      {table({age, doubles("job", {7}), x}),
       "column 'job' holds numbers (float64) in this table, but the model needs text, one of 2 categories; "
       "--text"},
      {table({age, x, doubles("job", {not_a_number, 7}, {true, true})}),
       "row 1, column 'job': the model needs text here, but the table has 7 (--text"},
      {table({age, job, numbers<float>("x", DType::f32, {5, 6, 7}, {3})}),
       "column 'x' holds tensors [3] of float32 in this table, but the model needs tensors [2]"},
      {table({age, job, doubles("x", {1})}),
       "column 'x' holds numbers (float64) in this table, but the model needs tensors [2]"},
      {table({opaque("age", "date", 1), job, x}),
       "column 'age' holds type date in this table, but the model needs numbers"},
      {table({age, job, x, x}), "the table has more than one column 'x'"},
      {table({age, job, numbers<float>("x", DType::f32, {5, 6}, {2}, {false})}),
       "row 0, column 'x': the tensor is missing"},
      {table({doubles("age", {-infinity}), job, x}), "row 0, column 'age': infinity is not a number"},
      {table({doubles("age", {1e300}), job, x}),
       "row 0, column 'age': 1e+300 is too large for the network's 32-bit numbers"},
      {table({age, job, numbers<float>("x", DType::f32, {5, NAN}, {2})}, 3),
       "row 3, column 'x', element 1: NaN is not a number"},
  };
  for (const Case& c : cases) {
    INFO(c.message);
    CHECK_THROWS_WITH(encode(encoder, c.batch), Contains(c.message));
  }
  const Encoder positional = fit(table({doubles("c0", {1}), doubles("c1", {1})}));
  CHECK_THROWS_WITH(positional.bind(*table({age}).schema), Contains("is --no-header missing?"));
}

TEST_CASE("a column that is empty fits whatever type its reader guessed") {
  const Batch train = table({doubles("age", {1, 3}), texts("job", {"u", "v"})});
  const Batch empty = table({texts("age", {std::nullopt}), doubles("job", {not_a_number}, {false})});
  CHECK(encode(fit(train), empty) == std::vector<float>{2, 0, 0});
}

TEST_CASE("a model of one tensor takes the table's only tensor under any name") {
  const Encoder encoder = fit(table({numbers<float>("x", DType::f32, {1, 2}, {2})}));
  const Batch other =
      table({integers("y", {1}), numbers<float>("pixels", DType::f32, {3, 4}, {2}), integers("id", {1})});
  CHECK(encode(encoder, other) == std::vector<float>{3, 4});
  const TestColumn a = numbers<float>("a", DType::f32, {3, 4}, {2});
  const TestColumn b = numbers<float>("b", DType::f32, {3, 4}, {2});
  CHECK_THROWS_WITH(encode(encoder, table({a, b})), Contains("has no column 'x'"));
  CHECK_THROWS_WITH(encode(encoder, table({numbers<float>("a", DType::f32, {3}, {1})})),
                    Contains("needs tensors [2]"));
}

TEST_CASE("a model of numbers takes them together, as one tensor x, with the same bits as by name") {
  const Batch train =
      table({doubles("a", {1, 2, 6}), doubles("b", {0.1, not_a_number, 0.7}), integers("c", {3, 1, 8})});
  const Batch rows =
      table({integers("c", {7, 5}), doubles("b", {not_a_number, 0.3}), doubles("a", {1e-3, -4})});
  const auto same = [&](const TestColumn& x, bool standardize) {
    const Encoder encoder = fit(train, standardize);
    return encode(encoder, table({integers("y", {1, 2}), x})) == encode(encoder, rows);
  };
  for (const bool standardize : {false, true}) {
    CHECK(same(numbers<double>("x", DType::f64, {1e-3, not_a_number, 7, -4, 0.3, 5}, {3}), standardize));
    CHECK(
        same(numbers<double>("x", DType::f64, {1e-3, not_a_number, 7, -4, 0.3, 5}, {1, 3, 1}), standardize));
  }
  const Batch whole = table({doubles("a", {1, 2}), doubles("b", {3, 4}), doubles("c", {5, 6})});
  const Encoder encoder = fit(train, true);
  const auto expected = encode(encoder, whole);
  CHECK(encode(encoder, table({numbers<float>("x", DType::f32, {1, 3, 5, 2, 4, 6}, {3})})) == expected);
  CHECK(encode(encoder, table({numbers<std::int64_t>("x", DType::i64, {1, 3, 5, 2, 4, 6}, {3})})) ==
        expected);
  CHECK(encode(encoder, table({numbers<std::uint8_t>("x", DType::u8, {1, 3, 5, 2, 4, 6}, {3})})) == expected);
  // Names come first, where all are there.
  const TestColumn x = numbers<float>("x", DType::f32, {9, 9, 9, 9, 9, 9}, {3});
  CHECK(encode(encoder, table({x, doubles("a", {1, 2}), doubles("b", {3, 4}), doubles("c", {5, 6})})) ==
        expected);
  CHECK(encode(encoder, table({numbers<float>("x", DType::f32, {1, 3, 5, 2, 4, 6}, {3}),
                               doubles("a", {0, 0})})) == expected);
}

TEST_CASE("a tensor x that does not fit a model of numbers is refused") {
  const Encoder encoder = fit(table({doubles("a", {1, 2}), doubles("b", {3, 4})}));
  CHECK_THROWS_WITH(
      encode(encoder, table({numbers<float>("x", DType::f32, {1, 2, 3}, {3})})),
      Contains("column 'x' holds tensors [3] of float32 in this table, but the model needs 2 numbers"));
  CHECK_THROWS_WITH(encode(encoder, table({numbers<float>("z", DType::f32, {1, 2}, {2})})),
                    Contains("has no column 'a'"));
  CHECK_THROWS_WITH(
      encode(encoder, table({numbers<double>("x", DType::f64, {1, 2, 3, infinity}, {2})}, 5)),
      Contains("row 6, column 'x', element 1 (the model's column 'b'): infinity is not a number"));
  CHECK_THROWS_WITH(encode(encoder, table({numbers<double>("x", DType::f64, {1e300, 2}, {2})})),
                    Contains("row 0, column 'x', element 0 (the model's column 'a'): 1e+300 is too large"));
  const Encoder text = fit(table({doubles("a", {1, 2}), texts("b", {"u", "v"})}));
  CHECK_THROWS_WITH(encode(text, table({numbers<float>("x", DType::f32, {1, 2}, {2})})),
                    Contains("has no column 'a'"));
  // A column may be called x itself.
  const Encoder named = fit(table({doubles("x", {1, 2}), doubles("b", {3, 4})}));
  CHECK(encode(named, table({numbers<float>("x", DType::f32, {7, 8}, {2})})) == std::vector<float>{7, 8});
  CHECK(encode(named, table({doubles("x", {7}), doubles("b", {8})})) == std::vector<float>{7, 8});
  CHECK(encode(named, table({numbers<float>("x", DType::f32, {7, 8}, {2}), doubles("b", {1})})) ==
        std::vector<float>{7, 8});
}

TEST_CASE("columns-by-name: binding a model of many columns to a table of many") {
  test::check_linear(
      2000,
      [](std::size_t n) {
        std::vector<InputColumn> columns(n);
        auto schema = std::make_shared<Schema>();
        for (std::size_t i = 0; i < n; ++i) {
          columns[i].name = "column " + std::to_string(i);
          columns[i].fill = {0};
          Field& field = schema->fields.emplace_back();
          field.name = "column " + std::to_string(n - 1 - i);
        }
        return std::pair(Encoder(std::move(columns)), std::shared_ptr<const Schema>(schema));
      },
      [](const auto& input) { REQUIRE(input.first.bind(*input.second).width() > 0); });
}
