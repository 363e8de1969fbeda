#include "tensor/batch.hpp"

#include <cmath>
#include <cstring>
#include <limits>

#include "catch.hpp"

using namespace nn;

TEST_CASE("half precision rounds to nearest even and keeps the special values") {
  struct Row {
    float value;
    std::uint16_t bits;
  };
  for (const Row& row : {Row{0.0f, 0},
                         {-0.0f, 0x8000},
                         {1.0f, 0x3C00},
                         {65504.0f, 0x7BFF},
                         {65520.0f, 0x7C00},
                         {65519.0f, 0x7BFF},
                         {0x1p-14f, 0x0400},
                         {0x1p-24f, 0x0001},
                         {0x1p-25f, 0x0000},
                         {1.0f + 0x1p-11f, 0x3C00},
                         {1.0f + 3 * 0x1p-11f, 0x3C02},
                         {std::numeric_limits<float>::infinity(), 0x7C00}}) {
    INFO(row.value);
    CHECK(float_to_half(row.value) == row.bits);
  }
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = half_to_float(static_cast<std::uint16_t>(bits));
    if (std::isnan(value)) continue;
    REQUIRE(float_to_half(value) == bits);
  }
}

TEST_CASE("slice and take agree on values, texts and missing ones") {
  auto schema = std::make_shared<Schema>();
  schema->fields = {{"n", DType::i32, {2}, true, {}, {}}, {"t", DType::utf8, {}, true, {}, {}}};
  Buffer values(6 * 2 * sizeof(std::int32_t));
  for (std::int32_t i = 0; i < 12; ++i) values.as<std::int32_t>()[i] = i;
  static const std::uint8_t bits[] = {0b101101};
  static const std::int32_t offsets[] = {0, 1, 1, 3, 6, 6, 7};
  Column numbers = make_column(std::move(values));
  numbers.validity = bits;
  Column texts;
  texts.data = reinterpret_cast<const std::byte*>("abbcccd");
  texts.offsets = offsets;
  texts.validity = bits;
  const Batch batch{schema, 100, 6, {numbers, texts}};

  const Batch part = slice(batch, 2, 3);
  CHECK(part.first_row == 102);
  CHECK(part.columns[0].as<std::int32_t>()[0] == 4);
  CHECK(part.columns[1].text(0) == "bb");
  CHECK(part.columns[1].text(1) == "ccc");
  CHECK(part.columns[0].valid(0));
  CHECK_FALSE(part.columns[0].valid(2));

  const std::int64_t rows[] = {5, 1, 3};
  const Column taken = take(schema->fields[1], batch.columns[1], rows);
  CHECK(taken.text(0) == "d");
  CHECK_FALSE(taken.valid(1));
  CHECK(taken.text(2) == "ccc");
  CHECK(take(schema->fields[0], batch.columns[0], rows).as<std::int32_t>()[1] == 11);
}

TEST_CASE("numbers print the digits that read back the same") {
  const Field field{"v", DType::f32, {}, false, {}, {}};
  Buffer values(2 * sizeof(float));
  values.as<float>()[0] = 8.3252f;
  values.as<float>()[1] = 3.0f;
  const Column column = make_column(std::move(values));
  CHECK(value_text(field, column, 0) == "8.3252");
  CHECK(value_text(field, column, 1) == "3");
}
