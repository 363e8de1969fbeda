#include <random>

#include "base/error.hpp"
#include "catch.hpp"
#include "csv_reference.hpp"
#include "format/csv/chunks.hpp"
#include "format/csv/parse.hpp"
#include "format/readers.hpp"
#include "linear.hpp"
#include "tables.hpp"

using namespace nn;
using namespace nn::format;
using namespace nn::test;

namespace {

std::unique_ptr<BatchSource> csv(const std::string& text, const SourceOptions& options = {},
                                 std::size_t piece = 4096) {
  return read_csv(std::make_unique<Trickle>(text, piece), options);
}

SourceOptions with(CsvOptions csv_options) {
  SourceOptions options;
  options.csv = std::move(csv_options);
  return options;
}

std::string error_of(const std::string& text, const SourceOptions& options = {}) {
  try {
    auto source = csv(text, options);
    all_rows(*source);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::data);
    return error.what();
  }
  return "no error";
}

CsvOptions no_header() {
  CsvOptions options;
  options.header = CsvOptions::Header::no;
  return options;
}

}  // namespace

TEST_CASE("CSV headers, names and types") {
  struct Case {
    const char* text;
    std::vector<std::string> names;
    std::vector<DType> types;
    Rows rows;
    CsvOptions options = {};
  };
  CsvOptions yes, skip, comment, missing, text_too, semicolon;
  yes.header = CsvOptions::Header::yes;
  skip.skip = 2;
  comment.comment = "|";
  missing.missing = {"?", "-9"};
  text_too.text = {"a"};
  text_too.number = {"b"};
  semicolon.delimiter = ';';
  const DType f = DType::f64, c = DType::category;
  for (const Case& k : {
           Case{"a,b\n1,2\n", {"a", "b"}, {f, f}, {{"1", "2"}}},
           {"\xEF\xBB\xBF"
            "a,b\n1,2\n",
            {"a", "b"},
            {f, f},
            {{"1", "2"}}},
           {"1,2\n3,x\n", {"c0", "c1"}, {f, c}, {{"1", "2"}, {"3", "x"}}},
           {"a,,c\n1,2,3\n", {"a", "c1", "c"}, {f, f, f}, {{"1", "2", "3"}}},
           {"x,y\nu,v\n", {"c0", "c1"}, {c, c}, {{"x", "y"}, {"u", "v"}}, no_header()},
           {"1,2\n3,4\n", {"1", "2"}, {f, f}, {{"3", "4"}}, yes},
           {"a,b\n,NA\nnan,1\n", {"a", "b"}, {f, f}, {{"∅", "∅"}, {"∅", "1"}}},
           {"a,b\n?,x\n-9,-9\n5,?\n", {"a", "b"}, {f, c}, {{"∅", "x"}, {"∅", "∅"}, {"5", "∅"}}, missing},
           {"junk\n\"more\na,b\n1,2\n", {"a", "b"}, {f, f}, {{"1", "2"}}, skip},
           {"| note\na,b\n1,2\n|\"\n3,4", {"a", "b"}, {f, f}, {{"1", "2"}, {"3", "4"}}, comment},
           {"a,b\n1,\"2\"\n", {"a", "b"}, {c, f}, {{"1", "2"}}, text_too},
           {"a;b\n1;2,5\n", {"a", "b"}, {f, f}, {{"1", "2.5"}}, semicolon},
           {"a;b\n1;2,5\n3;2,x\n", {"a", "b"}, {f, c}, {{"1", "2,5"}, {"3", "2,x"}}, semicolon},
           {"a,b\nNULL,1\n3,N/A\n", {"a", "b"}, {f, f}, {{"∅", "1"}, {"3", "∅"}}},
           {"a,b\n\"NA\",1\nNA,2\n", {"a", "b"}, {c, f}, {{"NA", "1"}, {"∅", "2"}}},
           {"a\n+1.5e3\n-inf\n", {"a"}, {f}, {{"1500"}, {"-inf"}}},
           {"a,b\n", {"a", "b"}, {f, f}, {}},
           {"a\n1\n\"\"\n", {"a"}, {f}, {{"1"}, {"∅"}}},
           {"a,a b\n\"x, y\",2\n", {"a", "a b"}, {c, f}, {{"x, y", "2"}}},
       }) {
    INFO(k.text);
    for (const std::size_t piece : {1, 3, 4096}) {
      auto source = csv(k.text, with(k.options), piece);
      CHECK(names_of(*source->schema()) == k.names);
      std::vector<DType> types;
      for (const Field& field : source->schema()->fields) types.push_back(field.type);
      CHECK(types == k.types);
      CHECK(all_rows(*source) == k.rows);
    }
  }
}

TEST_CASE("CSV errors name file, line and column") {
  struct Case {
    std::string text;
    const char* message;
    CsvOptions options = {};
  };
  CsvOptions number, comment, skip;
  number.number = {"b"};
  comment.comment = "#";
  skip.skip = 3;
  for (const Case& c : {
           Case{"a,b\n1,2\n1,2,3\n", "t.csv:3: 3 cells, expected 2"},
           {"a,b\n1,2\n1\n", "t.csv:3: 1 cell, expected 2"},
           {"a,b\n\"1\",2\n\n#\n#\n1\n", "t.csv:6: 1 cell, expected 2", comment},
           {"x\nx\nx\na,b\n1,2\n1", "t.csv:6: 1 cell, expected 2", skip},
           {"n,t\n1,\"two\nlines\"\n3\n", "t.csv:4: 1 cell, expected 2"},
           {"a,b\n1,2\n3,\"open\n", "t.csv:3: the quoted cell that begins here is never closed"},
           {"a,b\n1,\"x\" y\n",
            "t.csv:2: text behind the closing quote of a cell; a quote inside quotes is written twice"},
           {"a,b,a\n1,2,3\n",
            "t.csv:1: columns 0 and 2 are both named 'a'; name them differently, or read the line as data "
            "with "
            "--no-header"},
           {"", "t.csv: there are no rows: it is empty"},
           {"\n\n", "t.csv: there are no rows"},
           {std::string("a,b\n1,\0002\n", 8),
            "t.csv: holds NUL bytes: this is no CSV text; UTF-16 without its byte order mark is read with "
            "--encoding utf-16le"},
           {"a,b\nx,u\rv\n",
            "t.csv:2: column 'b': a carriage return within 'u\\x0dv', where lines end in LF; if it ends a "
            "line, "
            "write all lines anew with: tr '\\r' '\\n'"},
           {"a,b\nx,caf\xE9\n",
            "t.csv:2: column 'b': 'caf\\xe9' is not UTF-8; --encoding says what it is, for example latin1 or "
            "windows-1252"},
           {"a\xFF,b\n1,2\n",
            "t.csv:1: the name of column 0 is not plain UTF-8 text: 'a\\xff'; --encoding says what it is, "
            "for "
            "example latin1 or windows-1252"},
           {"a,b\n1,x\n",
            "t.csv:2: column 'b': 'x' is not a number; the column is to be one of numbers; read it as text "
            "with "
            "--text b, "
            "or say what stands for a missing value with --missing",
            number},
           {"a,b\n1,x,3\n", "t.csv:2: 3 cells, expected 2", number},
       }) {
    INFO(c.text);
    CHECK(error_of(c.text, with(c.options)) == c.message);
  }
  SourceOptions options;
  options.columns.label = "lable";
  CHECK(error_of("label,b\n1,2\n", options) ==
        "t.csv: there is no column 'lable' for --label; did you mean 'label'?");
  options.columns.label = "2";
  CHECK(error_of("label,b\n1,2\n", options) == "t.csv: there is no column 2 for --label: the last one is 1");
}

TEST_CASE("Types are fixed by the first rows, and contradicted later with the right line") {
  std::string text = "n,t\n";
  while (text.size() < (3u << 20)) text += "123456789,\"quoted\ntext\"\n";
  const auto lines = std::count(text.begin(), text.end(), '\n');
  text += "abc,x\n";
  for (const int readers : {1, 3}) {
    SourceOptions options;
    options.readers = readers;
    const std::string expected =
        "t.csv:" + std::to_string(lines + 1) + ": column 'n': 'abc' is not a number; ";
    CHECK(error_of(text, options).substr(0, expected.size()) == expected);
  }
}

TEST_CASE("A row over the limit is an error, not memory") {
  SourceOptions options;
  options.limits.max_frame = 1 << 20;
  const std::string line(3 << 20, 'x');
  CHECK(error_of("a,b\n1,2\n3," + line + "\n", options) ==
        "t.csv:3: the row that begins here is over the limit of 1048576 bytes (--max-frame)");
  CHECK(error_of("a,b\n1,2\n3,\"" + line + "\n4,5\n", options) ==
        "t.csv:3: the quoted cell that begins here is never closed within --max-frame");
  const ScratchFile file(".csv", "a,b\n1,2\n3," + line + "\n");
  auto source = read_csv(open_bytes(file.path()), options);
  CHECK_THROWS_WITH(
      all_rows(*source),
      file.path() + ":3: the row that begins here is over the limit of 1048576 bytes (--max-frame)");
}

// However the text is cut into chunks, and whether it is mapped or trickles in.
TEST_CASE("Chunks of any size give the rows of a naive parser") {
  std::mt19937 random(5);
  for (int round = 0; round < 300; ++round) {
    const CsvDialect dialect = random_dialect(random);
    std::string text;
    while (text.size() < 40) text = random_csv(random, dialect);
    const Rows expected = reference_rows(text, dialect);
    std::size_t width = 0;
    for (const auto& row : expected) width = std::max(width, row.size());
    INFO(text);
    const ScratchFile file(".csv", text);
    for (std::size_t aim = 1; aim <= text.size(); aim += 1 + aim / 8) {
      INFO("chunks of " << aim);
      for (const bool mapped : {false, true}) {
        auto input = mapped ? open_bytes(file.path()) : std::make_unique<Trickle>(text, 1 + aim / 2);
        const auto chunks = cut_chunks(std::move(input), 1 << 20, aim);
        chunks->set_dialect(dialect);
        Rows rows;
        std::string joined;
        while (auto chunk = chunks->next()) {
          joined += chunk->text;
          for (auto& row : reference_rows(chunk->text, dialect)) rows.push_back(std::move(row));
        }
        REQUIRE(joined == text);
        REQUIRE(rows == expected);
      }
    }
  }
}

namespace {

// A table with everything in it, about `bytes` long.
std::string mixed_table(std::size_t bytes) {
  std::mt19937 random(9);
  std::string text = "n,word,maybe,quoted\n";
  for (int row = 0; text.size() < bytes; ++row) {
    text +=
        std::to_string(row) + ",w" + std::to_string(random() % (1 + static_cast<unsigned>(row) / 50)) + ",";
    text += random() % 4 == 0 ? "" : std::to_string(static_cast<double>(random() % 1000) / 8);
    text += random() % 3 == 0 ? ",\"a \"\"b\"\"\n, c\"\n" : ",plain\r\n";
  }
  return text;
}

}  // namespace

TEST_CASE("Any number of readers gives the same batches") {
  const ScratchFile file(".csv", mixed_table(3 << 20));
  const auto read = [&](int readers) {
    SourceOptions options;
    options.readers = readers;
    return read_csv(open_bytes(file.path()), options);
  };
  auto one = read(1);
  auto four = read(4);
  std::int64_t next_row = 0;
  while (auto a = one->next()) {
    const auto b = four->next();
    REQUIRE(b);
    REQUIRE(a->rows == b->rows);
    REQUIRE(a->first_row == next_row);
    REQUIRE(b->first_row == next_row);
    next_row += a->rows;
    REQUIRE(rows_of(*a) == rows_of(*b));
    REQUIRE(a->columns[1].dictionary->size() == b->columns[1].dictionary->size());
    for (std::size_t i = 0; i < a->columns[1].dictionary->size(); ++i) {
      REQUIRE((*a->columns[1].dictionary)[i] == (*b->columns[1].dictionary)[i]);
    }
  }
  CHECK_FALSE(four->next());
  CHECK(next_row > 100000);
}

TEST_CASE("A parallel reader that is dropped midway stops its threads") {
  const ScratchFile file(".csv", mixed_table(3 << 20));
  SourceOptions options;
  options.readers = 3;
  auto source = read_csv(open_bytes(file.path()), options);
  const auto kept = source->next();
  source.reset();
  // Batches own their memory, whatever becomes of the reader.
  CHECK(rows_of(*kept).front().front() == "0");
}

TEST_CASE("Columns that are left out are not parsed") {
  SourceOptions options;
  options.columns.drop = {"b"};
  options.columns.id = "name";
  auto source = csv("name,b,x\nann,1,2\nbob,oops,3\n", options);
  CHECK(source->schema()->fields[0].type == DType::utf8);
  CHECK(source->schema()->fields[1].type == DType::opaque);
  const auto batch = source->next();
  REQUIRE(batch);
  CHECK(batch->columns[0].text(1) == "bob");
  CHECK(batch->columns[1].data == nullptr);
}

TEST_CASE("A header of very many columns and a file of blank lines take no memory to speak of") {
  std::string text = "x0";
  for (int i = 1; i < 60000; ++i) text += ",x" + std::to_string(i);
  text += "\n" + std::string(2 << 20, '\n');
  auto source = csv(text);
  CHECK(all_rows(*source).empty());
}

TEST_CASE("skipped-line: one of any length from a pipe") {
  test::check_linear(
      1 << 20, [](std::size_t n) { return std::string(n, 'x') + "\na\n1\n"; },
      [](const std::string& text) {
        SourceOptions options;
        options.csv.skip = 1;
        const auto source = csv(text, options);
        REQUIRE(source->schema()->fields.at(0).name == "a");
      });
}

TEST_CASE("header-columns: any number of columns") {
  test::check_linear(
      4000,
      [](std::size_t n) {
        std::string header, row;
        for (std::size_t i = 0; i < n; ++i) {
          header += (i > 0 ? ",column " : "column ") + std::to_string(i);
          row += i > 0 ? ",1" : "1";
        }
        return header + "\n" + row + "\n";
      },
      [](const std::string& text) {
        const auto source = csv(text);
        REQUIRE(source->next());
      });
}
