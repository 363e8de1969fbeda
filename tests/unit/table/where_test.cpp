#include "table/where.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "../format/tables.hpp"
#include "base/error.hpp"
#include "catch.hpp"
#include "linear.hpp"

using namespace nn;
using namespace nn::table;
using namespace nn::test;

namespace {

// A table of a few rows: each column with a missing value in row 3.
class Table {
 public:
  template <typename T>
  Table& add(const std::string& name, DType type, std::vector<T> values) {
    Buffer buffer(values.size() * sizeof(T));
    std::memcpy(buffer.data(), values.data(), buffer.size());
    return add(name, type, make_column(std::move(buffer)));
  }
  Table& add_texts(const std::string& name, const std::vector<std::string>& texts) {
    struct Owned {
      std::string bytes;
      std::vector<std::int32_t> offsets{0};
    };
    auto owned = std::make_shared<Owned>();
    for (const std::string& text : texts) {
      owned->bytes += text;
      owned->offsets.push_back(static_cast<std::int32_t>(owned->bytes.size()));
    }
    Column column;
    column.data = reinterpret_cast<const std::byte*>(owned->bytes.data());
    column.offsets = owned->offsets.data();
    column.owner = owned;
    return add(name, DType::utf8, std::move(column));
  }
  Table& add_categories(const std::string& name, const std::vector<std::string>& dictionary,
                        std::vector<std::int32_t> numbers) {
    add(name, DType::category, std::move(numbers));
    auto texts = std::make_shared<Dictionary>();
    for (const std::string& text : dictionary) texts->append(text);
    columns_.back().dictionary = texts;
    return *this;
  }
  Table& add(const std::string& name, DType type, Column column, Shape shape = {}) {
    static constexpr std::uint8_t all_but_3[] = {0xF7};
    column.validity = all_but_3;
    columns_.push_back(std::move(column));
    schema_->fields.push_back({name, type, std::move(shape), true, {}, {}});
    return *this;
  }
  Batch batch() const { return {schema_, 0, 5, columns_}; }

 private:
  std::shared_ptr<Schema> schema_ = std::make_shared<Schema>();
  std::vector<Column> columns_;
};

Batch people() {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  return Table()
      .add<double>("age", DType::f64, {20, 30, 40, 0, nan})
      .add<std::int64_t>("big", DType::i64, {9007199254740993, 9007199254740992, -1, 0, 7})
      .add<std::uint64_t>("id", DType::u64, {18446744073709551615u, 1, 2, 3, 4})
      .add<float>("share", DType::f32, {0.1F, 0.2F, 0.3F, 0, 1})
      .add<std::uint8_t>("active", DType::boolean, {1, 0, 1, 0, 0})
      .add_categories("sex", {"f", "m", "it's"}, {0, 1, 0, 0, 2})
      .add_texts("first name", {"Ann", "Bo \"B\"", "Cy", "", "Ann"})
      .add_texts("nick", {"Ann", "Bob", "Zoe", "", "Ann"})
      .add<std::int32_t>("limit", DType::i32, {20, 31, 39, 0, 5})
      .add("image", DType::f32, make_column(Buffer(5 * 4 * sizeof(float))), {2, 2})
      .batch();
}

std::vector<std::int64_t> chosen(std::string_view text, const Batch& batch = people()) {
  BoundCondition condition(Condition(text), *batch.schema);
  std::vector<std::int64_t> rows{99};
  condition.choose(batch, rows);
  return rows;
}

std::string error_of(std::string_view text) {
  try {
    (void)chosen(text);
    return "no error";
  } catch (const Error& error) {
    return std::string(error.kind() == ErrorKind::usage ? "usage: " : "data: ") + error.what();
  }
}

using Chosen = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("conditions choose the rows for which they are true") {
  struct Case {
    const char* text;
    Chosen rows;
  };
  for (const Case& c : {
           Case{"age > 20", {1, 2}},
           {"age >= 20", {0, 1, 2}},
           {"20 < age", {1, 2}},
           {"20 = age", {0}},
           {"age == 2e1", {0}},
           {"age != 30", {0, 2}},
           {"age <> 30", {0, 2}},
           {"age<-1", {}},
           {"age>-1.5", {0, 1, 2}},
           {"big = 9007199254740993", {0}},
           {"big = 9007199254740992", {1}},
           {"big > 9007199254740992", {0}},
           {"big < 0.5", {2}},
           {"id = 18446744073709551615", {0}},
           {"id > -1", {0, 1, 2, 4}},
           {"share = 0.1", {0}},
           {"share <= 0.2", {0, 1}},
           {"share in (0.3, 1)", {2, 4}},
           {"active", {0, 2}},
           {"not active", {1, 4}},
           {"active = false", {1, 4}},
           {"active = 1", {0, 2}},
           {"sex = 'f'", {0, 2}},
           {"sex = \"f\"", {0, 2}},
           {"sex = 'it''s'", {4}},
           {"sex > 'f'", {1, 4}},
           {"sex in ('f', 'x', \"m\")", {0, 1, 2}},
           {"sex not in ('f', 'x')", {1, 4}},
           {"\"first name\" = 'Ann'", {0, 4}},
           {"\"first name\" = \"Bo \"\"B\"\"\"", {1}},
           {"\"first name\" = nick", {0, 4}},
           {"nick > \"first name\"", {1, 2}},
           {"age > limit", {2}},
           {"limit <= age", {0, 2}},
           {"big < id", {0, 2}},
           {"age > 20 and sex = 'f'", {2}},
           {"age > 20 or sex = 'f'", {0, 1, 2}},
           {"AGE_IS_A_WORD_IN_CAPITALS = 1 or age > 20", {}},
           {"age > 20 AND NOT sex = 'f'", {1}},
           {"not age > 20 and sex = 'f'", {0}},
           {"not (age > 20 and sex = 'f')", {0, 1, 4}},
           {"age = 20 or age = 30 and sex = 'f'", {0}},
           {"(age = 20 or age = 30) and sex = 'f'", {0}},
           {"not not age = 20", {0}},
           {"age is missing", {3, 4}},
           {"age is not missing", {0, 1, 2}},
           {"sex is null", {3}},
           {"image is not missing", {0, 1, 2, 4}},
           // What is unknown stays so, unless the rest decides.
           {"age > 0 or age <= 0", {0, 1, 2}},
           {"age > 0 or sex = \"it's\"", {0, 1, 2, 4}},
           {"not (age > 0 and sex = 'f')", {1, 4}},
           {"age > 0 or age is missing", {0, 1, 2, 3, 4}},
       }) {
    INFO(c.text);
    if (std::string_view(c.text).starts_with("AGE")) {
      CHECK(error_of(c.text).starts_with("data: there is no column 'AGE_IS_A_WORD_IN_CAPITALS'"));
    } else {
      CHECK(chosen(c.text) == c.rows);
    }
  }
}

TEST_CASE("conditions that are wrong show where") {
  struct Case {
    const char* text;
    const char* error;
  };
  for (const Case& c : {
           Case{"", "usage: a condition is missing\n  \n  ^"},
           {"age >", "usage: a column or a value is expected\n  age >\n       ^"},
           {"age > 3)", "usage: 'and', 'or' or the end is expected\n  age > 3)\n         ^"},
           {"(age > 3", "usage: ')' is expected\n  (age > 3\n          ^"},
           {"age > 3 && sex = 'f'", "usage: write 'and'\n  age > 3 && sex = 'f'\n          ^"},
           {"1 < age < 3", "usage: two comparisons are joined by 'and'\n  1 < age < 3\n          ^"},
           {"sex = 'f", "usage: this quote is never closed\n  sex = 'f\n        ^"},
           {"age is 3", "usage: 'missing' is expected\n  age is 3\n         ^"},
           {"age in 3", "usage: '(' is expected\n  age in 3\n         ^"},
           {"sex in ('f'", "usage: ',' or ')' is expected\n  sex in ('f'\n             ^"},
           {"!active", "usage: write 'not'\n  !active\n  ^"},
           {"3", "usage: a comparison is expected, such as =, <, in (…) or is missing\n  3\n  ^"},
           {"age = 3x",
            "usage: this is neither a number nor a name; a name that begins with a digit is quoted: \"…\"\n"
            "  age = 3x\n        ^"},
           {"and = 3",
            "usage: a column or a value is expected; a column 'and' is quoted: \"and\"\n  and = 3\n  ^"},
           {"agee > 3",
            "data: there is no column 'agee'; did you mean age? Or a text is quoted: 'agee'\n  agee > 3\n  "
            "^"},
           {"sex = f", "data: there is no column 'f'; a text is quoted: 'f'\n  sex = f\n        ^"},
           {"sex = 3", "data: column 'sex' holds texts, and a text is quoted: '3'\n  sex = 3\n        ^"},
           {"age = '3'", "data: column 'age' holds numbers, and this is a text\n  age = '3'\n        ^"},
           {"age = sex",
            "data: one of the columns 'age' and 'sex' holds numbers, the other texts\n"
            "  age = sex\n        ^"},
           {"1 = 2", "data: no side of this comparison is a column\n  1 = 2\n  ^"},
           {"age",
            "data: column 'age' is true or false for no row; a comparison is expected, such as =, <, in (…) "
            "or is missing\n  age\n  ^"},
           {"image = 3", "data: column 'image' is a tensor [2,2], which can't be compared\n  image = 3\n  ^"},
           {"age in (limit)",
            "data: values are expected here, and this is a column\n  age in (limit)\n          ^"},
           {"'ä' = agee or active",
            "data: there is no column 'agee'; did you mean age? Or a text is quoted: 'agee'\n"
            "  'ä' = agee or active\n        ^"},
       }) {
    INFO(c.text);
    CHECK(error_of(c.text) == c.error);
  }
  CHECK(error_of(std::string(500, '(') + "age = 1").starts_with("usage: this is nested too deeply\n  …((("));
  CHECK(error_of(std::string(500, ' ') + "age = $").find("…") != std::string::npos);
}

TEST_CASE("a condition says which columns it looks at") {
  const Batch batch = people();
  CHECK(
      Condition("sex = \"f\" and (age > 3 or \"first name\" is missing) or age < 2").columns(*batch.schema) ==
      std::vector<std::size_t>{0, 5, 6});
}

TEST_CASE("dictionaries that grow, or are others, are looked at anew") {
  BoundCondition condition(Condition("c = 'b'"),
                           *Table().add_categories("c", {"a"}, {0, 0, 0, 0, 0}).batch().schema);
  std::vector<std::int64_t> rows;
  condition.choose(Table().add_categories("c", {"a"}, {0, 0, 0, 0, 0}).batch(), rows);
  CHECK(rows.empty());
  condition.choose(Table().add_categories("c", {"a", "b"}, {0, 1, 0, 0, 1}).batch(), rows);
  CHECK(rows == Chosen{1, 4});
  condition.choose(Table().add_categories("c", {"b", "a"}, {0, 1, 0, 0, 1}).batch(), rows);
  CHECK(rows == Chosen{0, 2});
}

TEST_CASE("reading a condition takes time in proportion to it") {
  check_linear(
      20000,
      [](std::size_t n) {
        std::string text = "age = 1";
        while (text.size() < n) text += " or age = 1";
        return text;
      },
      [](const std::string& text) { (void)chosen(text); });
}
