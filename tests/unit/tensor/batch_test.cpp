#include "tensor/batch.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "linear.hpp"

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

TEST_CASE("copies of a dictionary share texts and grow apart") {
  Dictionary first;
  CHECK(first.size() == 0);
  for (int i = 0; i < 1000; ++i) first.append(std::string(static_cast<std::size_t>(i % 300), 'a'));
  const Dictionary kept = first;
  Dictionary other = first;
  first.append("one");
  other.append("two");  // another text in the same place
  other.append(other[5]);
  CHECK(kept.size() == 1000);
  CHECK(first[1000] == "one");
  CHECK(other[1000] == "two");
  CHECK(other[1001] == "aaaaa");
  for (std::size_t i = 0; i < 1000; ++i) {
    REQUIRE(kept[i].size() == i % 300);
    REQUIRE(other[i] == kept[i]);
  }
  CHECK(kept[0].data() != nullptr);  // of an empty text as well: memcpy() wants it
  CHECK(first.continues(kept));
  CHECK(first.continues(first));
  CHECK(first.continues(Dictionary()));
  CHECK_FALSE(kept.continues(first));
  CHECK_FALSE(other.continues(kept));  // it begins alike, by texts of its own
  CHECK_FALSE(Dictionary().continues(kept));
}

TEST_CASE("dictionaries are read by threads while another copy grows") {
  Dictionary growing;
  growing.append("0");
  std::vector<std::thread> readers;
  for (int i = 1; i < 4; ++i) {
    readers.emplace_back([copy = growing, i] {
      for (int n = 0; n < 1000; ++n) {
        for (std::size_t at = 0; at < copy.size(); ++at) REQUIRE(copy[at] == std::to_string(at));
      }
      REQUIRE(copy.size() == static_cast<std::size_t>(i));
    });
    growing.append(std::to_string(i));
  }
  for (int n = 4; n < 5000; ++n) growing.append(std::to_string(n));
  for (std::thread& reader : readers) reader.join();
}

TEST_CASE("metadata of few and of many pairs replace, find and erase alike") {
  for (const std::size_t count : {1, 16, 17, 100}) {
    INFO(count);
    Metadata metadata;
    for (std::size_t i = 0; i < count; ++i) metadata.set("k" + std::to_string(i), "v");
    for (std::size_t i = 0; i < count; i += 2) metadata.set("k" + std::to_string(i), "w");
    const Metadata copy = metadata;
    REQUIRE(metadata.pairs().size() == count);
    CHECK(metadata.pairs()[0] == std::pair<std::string, std::string>("k0", "w"));
    CHECK(*metadata.find("k" + std::to_string(count - 1)) == (count % 2 == 1 ? "w" : "v"));
    CHECK(metadata.find("k" + std::to_string(count)) == nullptr);
    metadata.erase("k0");
    metadata.erase("none");
    CHECK(metadata.find("k0") == nullptr);
    CHECK(metadata.pairs().size() == count - 1);
    for (std::size_t i = 1; i < count; ++i) REQUIRE(metadata.find("k" + std::to_string(i)) != nullptr);
    CHECK(copy.pairs().size() == count);
    CHECK_FALSE(copy == metadata);
  }
}

TEST_CASE("metadata-keys: setting and finding any number of keys") {
  test::check_linear(
      20'000, [](std::size_t n) { return n; },
      [](std::size_t n) {
        Metadata metadata;
        for (std::size_t i = 0; i < n; ++i) metadata.set("key " + std::to_string(i), "");
        for (std::size_t i = 0; i < n; ++i) REQUIRE(metadata.find("key " + std::to_string(i)) != nullptr);
      });
}
