#include "format/source.hpp"

#include "base/error.hpp"
#include "catch.hpp"
#include "format/numpy/npy.hpp"
#include "format/source_open.hpp"
#include "tables.hpp"

using namespace nn;
using namespace nn::format;
using namespace nn::test;

namespace {

SourceOptions inputs(std::initializer_list<std::reference_wrapper<const ScratchFile>> files) {
  SourceOptions options;
  for (const ScratchFile& file : files) options.inputs.push_back(file.path());
  return options;
}

Rows read(const SourceOptions& options) { return all_rows(*open_source(options)); }

// The message of the error, with the name of `file` left out.
std::string error_of(const SourceOptions& options) {
  try {
    read(options);
  } catch (const Error& error) {
    std::string text = error.what();
    for (std::size_t i = 0; i < options.inputs.size(); ++i) {
      const std::string& path = options.inputs[i];
      for (auto at = text.find(path); at != std::string::npos; at = text.find(path)) {
        text.replace(at, path.size(), "#" + std::to_string(i));
      }
    }
    return text;
  }
  return "no error";
}

std::string npy_file(DType type, const Shape& shape, const void* data, std::size_t bytes) {
  return npy_header(type, shape) + std::string(static_cast<const char*>(data), bytes);
}

}  // namespace

TEST_CASE("Formats are seen from the content, then from the name") {
  struct Case {
    std::string head;
    const char* name;
    FileFormat format;
  };
  for (const Case& c : {
           Case{"\x93NUMPY\x01\x00", "x.csv", FileFormat::npy},
           {"PK\x03\x04....", "x", FileFormat::npz},
           {std::string("\xFF\xFF\xFF\xFF\x10\x00\x00\x00", 8), "-", FileFormat::stream},
           {"ARROW1\x01\x02", "x", FileFormat::stream},
           {std::string("\x00\x00\x08\x03\x00\x00\x00\x01", 8), "t10k-images-idx3-ubyte.gz", FileFormat::idx},
           {"1 1:2 3:4\n", "x.csv", FileFormat::csv},
           {"1 1:2 3:4\n", "-", FileFormat::libsvm},
           {"-1 1:2 3:4 # note\n", "data.gz", FileFormat::libsvm},
           {"# a comment: 1\n\n1\n2 qid:1 1:3\n", "-", FileFormat::libsvm},
           {"\xEF\xBB\xBF-1\t1:2\n", "a.txt", FileFormat::libsvm},
           {"2,3 1:0.5 3: .50\n", "-", FileFormat::libsvm},
           {"5 12:30,a\n", "-", FileFormat::csv},
           {"# 1 1:2\na,b\n", "-", FileFormat::csv},
           {"1\n2\n", "-", FileFormat::csv},
           {"1,2,3\n", "x.TSV.GZ", FileFormat::tsv},
           {"1,2,3\n", "adult.data.gz", FileFormat::csv},
           {"time 10:30\n", "-", FileFormat::csv},
           {"1 10:30 noon\n", "-", FileFormat::csv},
           {"", "-", FileFormat::csv},
       }) {
    INFO(c.head << " " << c.name);
    CHECK(detect_format(c.head, c.name) == c.format);
  }
}

TEST_CASE("Columns are chosen, y and id moved to the end under their names") {
  const ScratchFile file(".csv", "a,b,c,d\n1,x,5,p\n2,y,6,q\n");
  SourceOptions options = inputs({file});
  CHECK(read(options) == Rows{{"1", "x", "5", "p"}, {"2", "y", "6", "q"}});
  options.columns.label = "b";
  options.columns.id = "0";
  auto source = open_source(options);
  CHECK(names_of(*source->schema()) == std::vector<std::string>{"c", "d", "id", "y"});
  CHECK(*source->schema()->fields[3].metadata.find("nn.source_name") == "b");
  CHECK(source->schema()->fields[3].type == DType::category);
  CHECK(all_rows(*source) == Rows{{"5", "p", "1", "x"}, {"6", "q", "2", "y"}});
  options.columns.select = {"d"};
  CHECK(read(options) == Rows{{"p", "1", "x"}, {"q", "2", "y"}});
  options.columns.select = {};
  options.columns.drop = {"last", "2"};
  CHECK(read(options) == Rows{{"1", "x"}, {"2", "y"}});
  options.columns.id = "b";
  CHECK(error_of(options) == "#0: column 'b' cannot be both id and y");
}

TEST_CASE("Labels are whole numbers or categories, targets numbers") {
  struct Case {
    const char* text;
    DType type;
    Rows rows;
  };
  for (const Case& c : {Case{"x,y\n1,3.0\n1,-4\n", DType::i64, {{"1", "3"}, {"1", "-4"}}},
                        {"x,y\n1,0.5\n1,3\n", DType::category, {{"1", "0.5"}, {"1", "3"}}},
                        {"x,y\n1,no\n1,yes\n", DType::category, {{"1", "no"}, {"1", "yes"}}},
                        {"x,y\n1,\n1,2\n", DType::i64, {{"1", "∅"}, {"1", "2"}}}}) {
    INFO(c.text);
    const ScratchFile file(".csv", c.text);
    SourceOptions options = inputs({file});
    options.columns.label = "y";
    auto source = open_source(options);
    CHECK(source->schema()->fields[1].type == c.type);
    CHECK(all_rows(*source) == c.rows);
  }
  const ScratchFile text(".csv", "x,z\n1,no.\n2, yes..\n3,no\n");
  SourceOptions options = inputs({text});
  options.columns.label = "last";
  options.columns.trim_label = ".";
  auto source = open_source(options);
  const auto batch = source->next();
  CHECK(batch->columns[1].dictionary->size() == 2);
  CHECK(rows_of(*batch) == Rows{{"1", "no"}, {"2", "yes"}, {"3", "no"}});
  options = inputs({text});
  options.columns.target = "z";
  CHECK(error_of(options) == "column 'z' holds text: a --target is a number; classes are a --label");
}

TEST_CASE("A label that turns out not to be whole names its row") {
  std::string text = "x,y\n";
  for (int i = 0; i < 300'000; ++i) text += "1,2\n";
  const ScratchFile file(".csv", text + "1,2.5\n"), zeros(".csv", text + "1,007\n");
  SourceOptions options = inputs({file});
  options.columns.label = "y";
  CHECK(
      error_of(options) ==
      "#0:300002: column 'y': the label 2.5 is not a whole number, and those before it were; --text y keeps "
      "labels as they are written; numbers to predict are a --target");
  options = inputs({zeros});
  options.columns.label = "y";
  CHECK(error_of(options) ==
        "#0:300002: column 'y': the label 007 would become 7; --text y keeps labels as they are written; "
        "numbers "
        "to predict are a --target");
}

TEST_CASE("Several inputs are one table") {
  const ScratchFile a(".csv", "n,c\n1,red\n2,blue\n"), b(".csv", "n,c\n3,green\n,blue\n"),
      c(".csv", "n,c\n5,7\n");
  for (const int readers : {1, 3}) {
    SourceOptions options = inputs({a, b, c});
    options.readers = readers;
    auto source = open_source(options);
    std::vector<std::int64_t> codes, firsts;
    Rows rows;
    while (auto batch = source->next()) {
      firsts.push_back(batch->first_row);
      for (std::int64_t i = 0; i < batch->rows; ++i) codes.push_back(batch->columns[1].as<std::int32_t>()[i]);
      for (auto& row : rows_of(*batch)) rows.push_back(std::move(row));
    }
    CHECK(rows == Rows{{"1", "red"}, {"2", "blue"}, {"3", "green"}, {"∅", "blue"}, {"5", "7"}});
    CHECK(codes == std::vector<std::int64_t>{0, 1, 2, 1, 3});
    CHECK(firsts == std::vector<std::int64_t>{0, 2, 4});
  }
}

TEST_CASE("Inputs that don't agree are told apart, the first error first") {
  const ScratchFile a(".csv", "n,c\n1,red\n"), wide(".csv", "n,c,d\n1,red,2\n"),
      renamed(".csv", "n,k\n1,red\n"), text(".csv", "n,c\none,red\n");
  for (const int readers : {1, 4}) {
    for (const auto& [second, message] :
         {std::pair<const ScratchFile&, const char*>(wide, "#1: 3 columns, and #0 has 2"),
          {renamed, "#1: column 1 is 'k', and 'c' in #0"},
          {text,
           "#1:2: column 'n': 'one' is not a number; the column is to be one of "
           "numbers; read it as text with --text n, or say what stands for a "
           "missing value with --missing"}}) {
      SourceOptions options = inputs({a, second, wide, text});
      options.readers = readers;
      options.csv.number = {"n"};
      CHECK(error_of(options) == message);
    }
  }
  SourceOptions missing = inputs({a});
  missing.inputs.push_back("/no/such/file");
  CHECK(error_of(missing) == "#1: No such file or directory");
}

TEST_CASE("Labels from a second file") {
  const std::uint8_t images[] = {1, 2, 3, 4, 5, 6};
  const std::int32_t labels[] = {7, 8, 9};
  const ScratchFile x(".npy", npy_file(DType::u8, {3, 2}, images, sizeof images));
  const ScratchFile y(".npy", npy_file(DType::i32, {3}, labels, sizeof labels));
  const ScratchFile shorter(".npy", npy_file(DType::i32, {2}, labels, 8));
  SourceOptions options = inputs({x});
  options.labels_files = {y.path()};
  auto source = open_source(options);
  CHECK(names_of(*source->schema()) == std::vector<std::string>{"x", "y"});
  CHECK(source->schema()->fields[1].type == DType::i64);
  CHECK(all_rows(*source) == Rows{{"1/2", "7"}, {"3/4", "8"}, {"5/6", "9"}});
  options.labels_files = {shorter.path()};
  CHECK(error_of(options) == shorter.path() + " ends after 2 rows, and #0 goes on");
  options.labels_files.push_back(y.path());
  CHECK(error_of(options) == "1 inputs need as many --labels files, and there are 2");
}

TEST_CASE("Rows are chosen, split, shuffled, repeated and regrouped in this order") {
  std::string text = "n\n";
  for (int i = 0; i < 3000; ++i) text += std::to_string(i) + "\n";
  const ScratchFile file(".csv", text);
  SourceOptions options = inputs({file});
  options.rows.range = {1000, 2000};
  options.rows.shard = {1, 2};
  const Rows half = read(options);
  REQUIRE(half.size() == 500);
  CHECK(half.front().front() == "1001");
  options.rows.split = {{"a", 0.6}, {"b", 0.4}};
  Rows parts = read(options);
  const std::size_t size = parts.size();
  options.rows.part = "b";
  for (auto& row : read(options)) parts.push_back(std::move(row));
  CHECK(parts.size() == 500);
  std::sort(parts.begin(), parts.end());
  CHECK(parts == half);
  options.rows.part = "a";
  options.rows.shuffle = 0;
  options.rows.repeat = 2;
  options.rows.batch = 64;
  auto source = open_source(options);
  const auto batch = source->next();
  CHECK(batch->rows == 64);
  Rows twice = rows_of(*batch);
  for (auto& row : all_rows(*source)) twice.push_back(std::move(row));
  REQUIRE(twice.size() == 2 * size);
  Rows first(twice.begin(), twice.begin() + static_cast<std::ptrdiff_t>(size));
  Rows second(twice.begin() + static_cast<std::ptrdiff_t>(size), twice.end());
  CHECK(first != second);
  std::sort(first.begin(), first.end());
  std::sort(second.begin(), second.end());
  CHECK(first == second);
}

TEST_CASE("Options that contradict each other") {
  const auto message = [](auto change) {
    SourceOptions options;
    change(options);
    try {
      check_options(options);
    } catch (const Error& error) {
      CHECK(error.kind() == ErrorKind::usage);
      return std::string(error.what());
    }
    return std::string("no error");
  };
  CHECK(message([](SourceOptions& o) { o.columns.label = o.columns.target = "a"; }) ==
        "a table has a --label or a --target, not both");
  CHECK(message([](SourceOptions& o) {
          o.rows.split = {{"a", 0.6}, {"b", 0.6}};
        }) == "the fractions of the split add up to 1.2, more than 1");
  CHECK(message([](SourceOptions& o) {
          o.rows.split = {{"a", 0.6}, {"a", 0.1}};
        }) == "there are two parts 'a' in the split");
  CHECK(message([](SourceOptions& o) {
          o.rows.split = {{"a", 0}};
        }) == "part 'a' of the split: its fraction is 0, and must be over 0 and at most 1");
  CHECK(message([](SourceOptions& o) { o.rows.part = "a"; }) ==
        "part 'a' needs a split, for example --split train:0.8 --split test:0.2");
  CHECK(message([](SourceOptions& o) {
          o.rows.part = "c", o.rows.split = {{"a", 0.6}, {"b", 0.4}};
        }) == "there is no part 'c' in the split of a, b");
  CHECK(message([](SourceOptions& o) { o.csv.delimiter = '"'; }) ==
        "cells cannot be delimited by '\"', which is part of numbers, texts or quotes");
  CHECK(message([](SourceOptions& o) { o.inputs = {"-", "-"}; }) == "standard input can be read only once");
  CHECK(message([](SourceOptions& o) { o.rows.repeat = 0; }) ==
        "standard input cannot be read again, which --repeat needs; write it to a file first");
}

TEST_CASE("Foreign formats are named") {
  const ScratchFile parquet(".parquet", std::string("PAR1\x15\0\x15PAR1", 11)),
      text(".csv", "PAR1,ORC\n1,2\n");
  CHECK_THAT(
      error_of(inputs({parquet})),
      Catch::Matchers::StartsWith("#0: is a Parquet file, which is not read here; convert it: python3"));
  CHECK(all_rows(*open_source(inputs({text}))) == Rows{{"1", "2"}});
}
