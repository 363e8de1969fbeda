#include "predict/predictions.hpp"

#include <limits>

#include "../ensemble/table.hpp"
#include "catch.hpp"
#include "linear.hpp"
#include "tensor/name_list.hpp"

using namespace nn;
using namespace nn::predict;
using nn::test::message_of;
using nn::test::Table;

namespace {

Buffer floats(const std::vector<float>& values) {
  Buffer buffer(values.size() * sizeof(float));
  std::memcpy(buffer.data(), values.data(), buffer.size());
  return buffer;
}

}  // namespace

TEST_CASE("what is predicted reads back from the schema that it wrote") {
  const PredictionKind kind = GENERATE(
      PredictionKind{true, false, {"cat", "dog \"x\"", "7"}, {}}, PredictionKind{true, true, {"-1", "3"}, {}},
      PredictionKind{false, false, {}, {}}, PredictionKind{false, false, {}, {2, 2}},
      PredictionKind{false, false, {"mean", "std"}, {2}, {model::Answers::Kind::normal, {}}},
      PredictionKind{false, false, {"q0.1", "q0.9"}, {2}, {model::Answers::Kind::quantiles, {0.1, 0.9}}});
  const Batch rows = Table().i64("y", {1}).batch();
  const PredictionBuilder builder(kind, *rows.schema, false, {});
  CHECK(kind_of(*builder.schema()) == kind);
}

TEST_CASE("labels carry names or integers, id and y pass through") {
  const Batch rows = Table(40).f32("x", {1, 2}).category("y", {"a"}, {0, 0}).i64("id", {7, 8}).batch();
  const PredictionBuilder texts({true, false, {"no", "yes"}, {}}, *rows.schema, true, {});
  const float uncertainties[] = {0.5f, 0.25f};
  const Batch out = texts.build(rows, floats({0.25f, 0.75f, 0.5f, 0.5f}), nullptr, uncertainties);
  CHECK(out.first_row == 40);
  std::vector<std::string> names;
  for (const Field& field : out.schema->fields) names.push_back(field.name);
  CHECK(names == std::vector<std::string>{"label", "proba", "uncertainty", "id", "y"});
  CHECK(value_text(out.schema->fields[0], out.columns[0], 0) == "yes");
  CHECK(value_text(out.schema->fields[0], out.columns[0], 1) == "no");
  CHECK(out.columns[2].as<float>()[1] == 0.25f);
  CHECK(out.columns[3].as<std::int64_t>()[1] == 8);
  CHECK(out.columns[4].dictionary == rows.columns[1].dictionary);
  const PredictionBuilder integers({true, true, {"-1", "3"}, {}}, *rows.schema, false, {});
  const std::int32_t answers[] = {1, 0};
  const Batch numbered = integers.build(rows, floats({0.75f, 0.25f, 0.5f, 0.5f}), answers, nullptr);
  CHECK(numbered.columns[0].as<std::int64_t>()[0] == 3);
  CHECK(numbered.columns[0].as<std::int64_t>()[1] == -1);
}

TEST_CASE("streams that are no predictions, or contradict themselves, say why") {
  struct Row {
    Table table;
    const char* message;
  };
  for (const Row& row :
       {Row{Table().f32("x", {1}), "no column proba or value"},
        Row{Table().category("proba", {"a"}, {0}), "column proba is category, expected float32"},
        Row{Table().f32("proba", {1}), "column proba is scalar"},
        Row{Table().f32("proba", {1, 0}, {2}).meta("nn.classes", "[1]"),
            "has 2 values a row, nn.classes 1 names"},
        Row{Table().f32("proba", {1, 0}, {2}).meta("nn.classes", "[1,\"a\"]"), "mixes"},
        Row{Table().f32("proba", {1, 0}, {2}).meta("nn.classes", "[["), "not a JSON array"},
        Row{Table().f32("proba", {1, 0}, {2}).meta("nn.classes", "{}"), "not a JSON array"},
        Row{Table().f32("value", {1, 0}, {2}).meta("nn.answers", "poisson"),
            "'poisson' is no kind of answers"},
        Row{Table().f32("value", {1, 0}, {2}).meta("nn.answers", "quantiles:0.5"),
            "column value has 2 values a row"}}) {
    INFO(row.message);
    CHECK_THAT(message_of([&] { kind_of(*row.table.batch().schema); }), Catch::Contains(row.message));
  }
  const PredictionKind bare = kind_of(*Table().f32("proba", {1, 0}, {2}).batch().schema);
  CHECK(bare.integers);
  CHECK(bare.names == std::vector<std::string>{"0", "1"});
}

TEST_CASE("outputs are used in place, converted, or refused with their row") {
  Buffer scratch;
  const Batch batch = Table(5).f32("proba", {0.5f, 0.5f, 1, 0}, {2}).batch();
  CHECK(OutputColumn(kind_of(*batch.schema), *batch.schema).read(batch, scratch).values ==
        batch.columns[0].as<float>());
  const Batch wide = Table(5).f64("value", {1.5, 2.5}).batch();
  CHECK(OutputColumn(kind_of(*wide.schema), *wide.schema).read(wide, scratch).values[1] == 2.5f);
  const float inf = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  struct Row {
    Table table;
    const char* message;
  };
  for (const Row& row :
       {Row{Table(5).f32("proba", {1, 0, nan, 1}, {2}), "row 6: proba has a value that is not a probability"},
        Row{Table(5).f32("proba", {-0.5f, 1, 1, 0}, {2}), "row 5: proba"},
        Row{Table(5).f32("proba", {inf, 0, 0, 1}, {2}), "row 5: proba"},
        Row{Table(5).f32("value", {-1, inf}), "row 6: value has a value that is not a finite number"},
        Row{Table(5).f32("value", {1, 2}).validity(1), "row 6: value is missing"}}) {
    INFO(row.message);
    const Batch bad = row.table.batch();
    const auto outputs = OutputColumn(kind_of(*bad.schema), *bad.schema).read(bad, scratch);
    CHECK_THAT(outputs.error, Catch::StartsWith(row.message));
    CHECK(outputs.error.find(fmt::format("row {}", 5 + outputs.rows)) == 0);
  }
}

TEST_CASE("members that answer something else are told apart") {
  const PredictionKind classes{true, false, {"a", "b"}, {}}, other{true, false, {"a", "c"}, {}};
  const PredictionKind three{true, false, {"a", "b", "c"}, {}}, numbers{false, false, {}, {}},
      wide{false, false, {}, {3}};
  const PredictionKind one{true, true, {"1", "2"}, {}}, text{true, false, {"1", "2"}, {}};
  CHECK(difference(classes, "A", classes, "B").empty());
  CHECK(difference(classes, "A", other, "B") == "class 1 is 'b' in A, 'c' in B");
  CHECK(difference(classes, "A", three, "B") == "A has 2 classes, B 3");
  CHECK(difference(classes, "A", numbers, "B") == "A answers classes, B numbers");
  CHECK(difference(numbers, "A", wide, "B") == "A answers scalar values a row, B [3]");
  CHECK(difference(one, "A", text, "B") == "the classes are integers in A, texts in B");
}

TEST_CASE("lists of names") {
  struct Row {
    const char* text;
    std::optional<std::vector<std::string>> names;
    bool integers = false, mixed = false;
  };
  for (const Row& row :
       {Row{"[]", std::vector<std::string>()}, Row{R"(["a","b \"c\"",""])", {{"a", "b \"c\"", ""}}},
        Row{"[1,-2,18446744073709551615]", {{"1", "-2", "18446744073709551615"}}, true},
        Row{R"(["a",1])", {{"a"}}, false, true}, Row{R"([1,"a"])", {{"1"}}, true, true}, Row{"[1.5]", {}},
        Row{"[[1]]", {}}, Row{R"([{"a":1}])", {}}, Row{"[true]", {}}, Row{"[1", {}}, Row{"[1] 2", {}},
        Row{"1", {}}, Row{R"("a")", {}}, Row{"{}", {}}, Row{"", {}}, Row{"[\"\xff\"]", {}}}) {
    INFO(row.text);
    const auto list = parse_name_list(row.text);
    REQUIRE(list.has_value() == row.names.has_value());
    if (!list) continue;
    CHECK(list->names == *row.names);
    CHECK(list->integers == row.integers);
    CHECK(list->mixed == row.mixed);
  }
}

TEST_CASE("class-names-brackets: nested JSON in nn.classes is refused at its second byte") {
  Schema schema;
  Field& proba = schema.fields.emplace_back();
  proba.name = "proba";
  proba.shape = {2};
  schema.metadata.set("nn.classes", std::string(8'000'000, '['));
  const double begin = test::thread_seconds();
  CHECK(message_of([&] { (void)kind_of(schema); }).find("nn.classes is not a JSON array") !=
        std::string::npos);
  CHECK_FALSE(parse_json_array(*schema.metadata.find("nn.classes")));
  CHECK(test::thread_seconds() - begin < 0.1);
}

TEST_CASE("class-names-many: more than a million are refused") {
  std::string text = "[0";
  for (std::size_t i = 0; i < most_names; ++i) text += ",0";
  CHECK_FALSE(parse_name_list(text + "]"));
}
