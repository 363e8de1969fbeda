#include <cstring>
#include <random>

#include "catch.hpp"
#include "csv_reference.hpp"
#include "format/csv/number.hpp"
#include "format/csv/text.hpp"

using namespace nn;
using namespace nn::format;
using namespace nn::test;

namespace {

Rows cells_of(std::string_view text, const CsvDialect& dialect) {
  Rows rows;
  CsvCursor cursor(text, dialect);
  std::string scratch;
  while (cursor.begin_record()) {
    rows.emplace_back();
    CellEnd end = CellEnd::delimiter;
    while (end == CellEnd::delimiter) {
      const CsvCell cell = cursor.cell(scratch);
      rows.back().emplace_back(cell.text);
      end = cell.end;
    }
  }
  return rows;
}

}  // namespace

TEST_CASE("CSV cells and records") {
  struct Case {
    const char* text;
    Rows rows;
    CsvDialect dialect = {};
  };
  const CsvDialect semicolons{';', "", {}}, tabs{'\t', "", {}}, comments{',', "##", {}};
  for (const Case& c : {
           Case{"", {}},
           {"\n\n  \n\r\n", {}},
           {"a,b", {{"a", "b"}}},
           {"a,b\n", {{"a", "b"}}},
           {"a,b\r\nc,d\r\n", {{"a", "b"}, {"c", "d"}}},
           {"a,b\r", {{"a", "b"}}},
           {"a,\n,b\n,", {{"a", ""}, {"", "b"}, {"", ""}}},
           {" a ,\tb \r\n", {{"a", "b"}}},
           {"a b,c", {{"a b", "c"}}},
           {"\"a,b\",c\n", {{"a,b", "c"}}},
           {"\"a\nb\"\"c\",\"\"\n", {{"a\nb\"c", ""}}},
           {"\"\"\"\",\"\"\"\"\"\"", {{"\"", "\"\""}}},
           {" \"a\" , \"b\"\t\n", {{"a", "b"}}},
           {"\" a \"\n", {{" a "}}},
           {"5\" pipe,\"x\"\n", {{"5\" pipe", "x"}}},
           {"\"a\r\nb\"\r\n", {{"a\r\nb"}}},
           {"\"\"\n", {{""}}},
           {"a;b,c\n", {{"a", "b,c"}}, semicolons},
           {"a\t\t b\n\t\n", {{"a", "", "b"}, {"", ""}}, tabs},
           {"##\"x\na,##b\n#c\n##", {{"a", "##b"}, {"#c"}}, comments},
       }) {
    INFO(c.text);
    CHECK(cells_of(c.text, c.dialect) == c.rows);
    CHECK(reference_rows(c.text, c.dialect) == c.rows);
  }
}

TEST_CASE("CSV faults say where they begin") {
  struct Case {
    const char* text;
    std::int64_t line;
    bool open;
  };
  for (const Case& c : {Case{"a\n\"b\nc", 1, true},
                        {"\"a\"b\n", 0, false},
                        {"x\ny,\"1\n2\" 3\n", 2, false},
                        {"\"\"\"", 0, true}}) {
    INFO(c.text);
    try {
      cells_of(c.text, {});
      FAIL("no fault");
    } catch (const CsvFault& fault) {
      CHECK(fault.line == c.line);
      CHECK(fault.open == c.open);
    }
  }
}

TEST_CASE("Random CSV text has the cells that a naive parser finds") {
  std::mt19937 random(7);
  for (int round = 0; round < 20000; ++round) {
    const CsvDialect dialect = random_dialect(random);
    const std::string text = random_csv(random, dialect);
    INFO(text);
    REQUIRE(cells_of(text, dialect) == reference_rows(text, dialect));
  }
}

// Wherever text is cut, the border found is one where a record ends, and the last such one.
TEST_CASE("Borders of chunks are ends of records at every byte") {
  std::mt19937 random(11);
  for (int round = 0; round < 1500; ++round) {
    const CsvDialect dialect = random_dialect(random);
    const std::string text = random_csv(random, dialect);
    INFO(text);
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      INFO("cut at " << cut);
      const std::string_view seen = std::string_view(text).substr(0, cut);
      const std::size_t border = last_record_end(seen, dialect);
      REQUIRE(border <= cut);
      if (border > 0) REQUIRE(text[border - 1] == '\n');
      Rows both = cells_of(std::string_view(text).substr(0, border), dialect);
      for (auto& row : cells_of(std::string_view(text).substr(border), dialect))
        both.push_back(std::move(row));
      REQUIRE(both == cells_of(text, dialect));
      // What is left over holds no complete record: it is open or has no line end but in comments.
      const std::string_view rest = seen.substr(border);
      if (rest.find('"') == std::string_view::npos) REQUIRE(rest.find('\n') == std::string_view::npos);
    }
  }
}

TEST_CASE("A wrong quote doesn't hide the border that follows") {
  CHECK(last_record_end("\"a\" b\nc\n", {}) == 8);
  CHECK(last_record_end("x\n\"a\nb\n", {}) == 2);
}

TEST_CASE("Fast numbers are those that strtod reads, or none") {
  std::mt19937_64 random(3);
  std::size_t taken = 0;
  const auto check = [&](const std::string& number) {
    std::string text = number + ",";
    text.resize(text.size() + static_cast<std::size_t>(fast_number_reach), '7');
    double value = 0;
    const char* behind = fast_number(text.data(), value);
    INFO(number);
    if (behind == nullptr || *behind == 'e') return;  // exponents are left to others
    ++taken;
    char* end = nullptr;
    const double expected = std::strtod(number.c_str(), &end);
    REQUIRE(behind == text.data() + (end - number.c_str()));
    REQUIRE(std::memcmp(&value, &expected, sizeof value) == 0);
  };
  const auto digits = [&](std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += static_cast<char>('0' + random() % 10);
    return out;
  };
  for (std::size_t before = 0; before <= 20; ++before) {
    for (std::size_t after = 0; after <= 20; ++after) {
      for (int round = 0; round < 40; ++round) {
        const std::string sign = random() % 2 == 0 ? "-" : "";
        check(sign + digits(before));
        check(sign + digits(before) + "." + digits(after));
        check(sign + std::string(before, '0') + "." + digits(after) + "x");
      }
    }
  }
  CHECK(taken > 20000);
  for (const char* number : {"-0", "-0.0", "9007199254740992", "9007199254740993", "0.1", "1.", ".5", "1e5",
                             "+1", "1:2", "1/2", "9999999.9999999", "0000000000000000000001"}) {
    check(number);
  }
  double value = 0;
  for (const std::string text : {"", "-", ".", "-.", "x", "--1", "e5", "+1"}) {
    INFO(text);
    CHECK(fast_number((text + std::string(40, ',')).c_str(), value) == nullptr);
  }
}

TEST_CASE("Cells that are numbers") {
  double value = 0;
  for (const char* text : {"1", "-1", "+1", "1e3", "1E-3", ".5", "5.", "inf", "-inf", "0x", "1e"}) {
    INFO(text);
    const bool number = std::string_view(text) != "0x" && std::string_view(text) != "1e";
    CHECK(parse_csv_number(text, value) == number);
  }
  for (const char* text : {"", "+", "-", "+-1", "nan", "1 2", "1,2", "abc", "1_000", "--1", "0x10"}) {
    INFO(text);
    CHECK_FALSE(parse_csv_number(text, value));
  }
}
