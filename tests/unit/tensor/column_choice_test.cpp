#include "tensor/column_choice.hpp"

#include <string>

#include "../linear.hpp"
#include "catch.hpp"

using namespace nn;

namespace {

// A table of one row, whose columns hold their positions.
Batch table(const std::vector<std::string>& names) {
  auto schema = std::make_shared<Schema>();
  schema->metadata.set("key", "value");
  Batch batch{schema, 5, 1, {}};
  for (std::size_t i = 0; i < names.size(); ++i) {
    schema->fields.emplace_back().name = names[i];
    Buffer value(sizeof(float));
    *reinterpret_cast<float*>(value.data()) = static_cast<float>(i);
    batch.columns.push_back(make_column(std::move(value)));
  }
  return batch;
}

}  // namespace

TEST_CASE("chosen columns keep their order, their memory and the rows' identity") {
  const Batch rows = table({"a", "b", "c", "b"});
  const ColumnChoice choice(*rows.schema, {3, 0});
  const Batch chosen = choice.of(rows);
  CHECK(chosen.schema == choice.schema());
  CHECK(chosen.schema->fields.at(0).name == "b");
  CHECK(chosen.schema->fields.at(1).name == "a");
  CHECK(chosen.schema->metadata.pairs().empty());
  CHECK(chosen.first_row == 5);
  CHECK(chosen.rows == 1);
  CHECK(*chosen.columns.at(0).as<float>() == 3);
  CHECK(chosen.columns.at(1).data == rows.columns[0].data);
}

TEST_CASE("columns are found by their names, also several of one name") {
  const Batch rows = table({"b", "a", "", "a", "a"});
  const ColumnNames names(*rows.schema);
  CHECK(names.named("c").empty());
  REQUIRE(names.named("b").size() == 1);
  CHECK(names.named("b")[0].second == 0);
  CHECK(names.named("")[0].second == 2);
  REQUIRE(names.named("a").size() == 2);  // two are too many already
  CHECK(names.named("a")[0].second == 1);
  CHECK(names.named("a")[1].second == 3);
}

TEST_CASE("as many columns as anybody likes are found in time in proportion to them") {
  test::check_linear(
      2000,
      [](std::size_t n) {
        Schema schema;
        for (std::size_t i = 0; i < n; ++i) schema.fields.emplace_back().name = "column " + std::to_string(i);
        return schema;
      },
      [](const Schema& schema) {
        const ColumnNames names(schema);
        for (const Field& field : schema.fields) REQUIRE(names.named(field.name).size() == 1);
      });
}
