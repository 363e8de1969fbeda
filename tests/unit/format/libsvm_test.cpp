#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>

#include "array_files.hpp"
#include "catch.hpp"
#include "format/libsvm/text.hpp"
#include "format/readers.hpp"
#include "tensor/first_feature.hpp"

using namespace nn;
using namespace nn::format;
using namespace nn::test;
using Catch::Matchers::Contains;

namespace {

SourceOptions of_width(std::int64_t features) {
  SourceOptions options;
  options.features = features;
  return options;
}

std::unique_ptr<BatchSource> from_memory(std::string text, std::int64_t features = 0) {
  return read_libsvm(piped(std::move(text), "a.svm"), of_width(features));
}

std::string error_in(const std::string& text, std::int64_t features = 0) {
  return error_of([&] {
    const auto source = from_memory(text, features);
    read_out(*source);
  });
}

}  // namespace

TEST_CASE("libsvm: dense rows and labels of both kinds") {
  struct Row {
    const char* text;
    std::int64_t features;
    DType label;
    std::vector<double> y, x;
  };
  const Row table[] = {
      {"+1 1:0.5 3:-2\n-1 2:1e1\n", 0, DType::i64, {1, -1}, {0.5, 0, -2, 0, 10, 0}},
      {"0.5 1:1\n2 2:1", 0, DType::f64, {0.5, 2}, {1, 0, 0, 1}},
      {"3 2:7\r\n\r\n4\r\n", 0, DType::i64, {3, 4}, {0, 7, 0, 0}},
      {"# a comment\n1 qid:5 1:2 # another\n\n   2   qid:5\t1:+3  \n", 0, DType::i64, {1, 2}, {2, 3}},
      {"1 1:1\n", 3, DType::i64, {1}, {1, 0, 0}},
      {"1e0 1:1\n", 0, DType::i64, {1}, {1}},
      {"1 0:5 2:1\n2 1:4\n", 0, DType::i64, {1, 2}, {5, 0, 1, 0, 4, 0}},  // from 0, as scikit-learn writes
      {"1 2:1\n2 1:4 0:1\n", 0, DType::i64, {1, 2}, {0, 0, 1, 1, 4, 0}},  // seen only further down
      {"\xEF\xBB\xBF"
       "1 3:3 1:1 2:2\n",
       0,
       DType::i64,
       {1},
       {1, 2, 3}},                                                // in no order
      {"1\t1: .50\t2:\t-.5\n", 0, DType::i64, {1}, {0.5, -0.5}},  // blanks behind the colon
      {"9223372036854775808 1:1\n.5 1:1\n", 0, DType::f64, {0x1p63, 0.5}, {1, 1}},
      {"1 1:16777216 2:1e-50\n", 0, DType::i64, {1}, {16777216, 0}},
  };
  for (const Row& row : table) {
    INFO(row.text);
    for (const bool mapped : {false, true}) {
      const ScratchFile scratch(row.text);
      const auto open = [&] {
        return mapped ? read_libsvm(open_bytes(scratch.path()), of_width(row.features))
                      : from_memory(row.text, row.features);
      };
      const auto x = open();
      REQUIRE(x->schema()->fields.size() == 2);
      CHECK(x->schema()->fields[0].name == "x");
      CHECK(x->schema()->fields[0].type == DType::f32);
      CHECK(x->schema()->fields[1].name == "y");
      CHECK(x->schema()->fields[1].type == row.label);
      CHECK(read_out(*x, 0).values == row.x);
      const auto y = open();
      CHECK(read_out(*y, 1).values == row.y);
    }
  }
}

TEST_CASE("libsvm: many rows come in batches, the same from pipe and mapping") {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += fmt::format("{} {}:{} 50:1\n", i % 10, i % 40 + 1, i * 0.25);
  const ScratchFile scratch(text);
  const auto mapped = read_libsvm(open_bytes(scratch.path()), {});
  const Contents contents = read_out(*mapped);
  CHECK(contents.batches == std::vector<std::int64_t>{1024, 1024, 952});
  CHECK(contents.values[2999 * 50 + 2999 % 40] == 2999 * 0.25);
  const auto fixed = from_memory(text, 50);
  CHECK(read_out(*fixed) == contents);
  const auto whole = from_memory(text);
  CHECK(read_out(*whole) == contents);
}

TEST_CASE("libsvm: a label that is not like the first ones on a pipe") {
  std::string text;
  for (int i = 0; i < 100000; ++i) text += "1 1:1 # made longer than one piece\n";
  text += "0.5 1:1\n";
  CHECK_THAT(error_in(text, 1), Contains("a.svm:100001: the label 0.5 is not an integer"));
  CHECK(error_in(text).empty());
}

TEST_CASE("libsvm: what is wrong with a line is said") {
  struct Row {
    const char* text;
    std::int64_t features;
    const char* message;
  };
  const Row table[] = {
      {"", 0, "a.svm: holds no features"},
      {"# nothing\n\n", 0, "a.svm: holds no features"},
      {"1\n2\n", 0, "a.svm: holds no features"},
      {"1 1:1\nx 1:1\n", 0, "a.svm:2: the label 'x' is not a number"},
      {"1,2 1:1\n", 0, "a.svm:1: '1,2' are several labels, and a row has one"},
      {"1:1 2:1\n", 0, "a.svm:1: the label '1:1' is not a number"},
      {"1 -1:1 2:1\n", 0, "a.svm:1: index -1; indices count from 0 or 1"},
      {"1 2:1 2:1\n", 0, "a.svm:1: two values of index 2"},
      {"1 1:1\n1 5:1 2:1 4:0 5:0\n", 0, "a.svm:2: two values of index 5"},
      {"1 0:1 3:1\n", 3, "a.svm:1: index 3, but there are 3 features, counted from 0"},
      {"1 4:1\n", 3, "a.svm:1: index 4, but there are 3 features"},
      {"1 99999999999:1\n", 0, "a.svm:1: index 99999999999; 16777216 is the limit"},
      {"1 99999999999999999999999:1 \n1 1:1", 3, "; 16777216 is the limit"},
      {"1 1:1\n\n1 a:1\n", 0, "a.svm:3: expected index:value, found 'a:1'"},
      {"1 1:1\n1 1\n", 0, "a.svm:2: expected index:value, found '1'"},
      {"1 1:1 qid:3\n", 0, "a.svm:1: expected index:value, found 'qid:3'"},
      {"1 1:\n", 0, "a.svm:1: the value in '1:' is not a number"},
      {"1 1:1e39\n", 0, "a.svm:1: the value 1e39 of index 1 is beyond the 32-bit floats"},
      {"0.5 1:1\n9007199254740993 1:1\n", 0, "a.svm:2: the label 9007199254740993 is beyond"},
      {"0.5 1:1\n9223372036854775809 1:1\n", 0, "a.svm:2: the label 9223372036854775809 is beyond"},
      {"1 1:abc\n", 0, "a.svm:1: the value in '1:abc' is not a number"},
      {"1 1:1x\n", 0, "a.svm:1: the value in '1:1x' is not a number"},
      {"1 1:1:1\n", 1, "a.svm:1: the value in '1:1:1' is not a number"},
      {"1 1:\x01\xFF\n", 0, "a.svm:1: the value in '1:\\x01\\xff' is not a number"},
      {"1 1:1\n", 99999999, "16777216 is the limit"},
  };
  for (const Row& row : table) {
    INFO(row.text);
    CHECK_THAT(error_in(row.text, row.features), Contains(row.message));
  }
}

TEST_CASE("libsvm: nan and inf are values") {
  const auto source = from_memory("nan 1:inf 2:nan\n");
  const auto batch = source->next();
  REQUIRE(batch);
  CHECK(source->schema()->fields[1].type == DType::f64);
  CHECK(std::isinf(batch->columns[0].as<float>()[0]));
  CHECK(std::isnan(batch->columns[0].as<float>()[1]));
}

TEST_CASE("libsvm: labels are read to the digit") {
  const auto source = from_memory("9007199254740993 1:1\n-9223372036854775808 1:1\n+7 1:1\n");
  const auto batch = source->next();
  REQUIRE(batch);
  const auto* labels = batch->columns[1].as<std::int64_t>();
  CHECK(labels[0] == 9007199254740993);
  CHECK(labels[1] == INT64_MIN);
  CHECK(labels[2] == 7);
}

TEST_CASE("libsvm: where indices count from is said, and may be told") {
  const std::string text = "1 2:1\n2 0:5 1:4\n";
  struct Row {
    ZeroBased zero_based;
    std::int64_t features;
    Shape shape;
    const char* first;
  };
  const Row table[] = {{ZeroBased::automatic, 0, {3}, "0"}, {ZeroBased::yes, 4, {4}, "0"}};
  for (const Row& row : table) {
    SourceOptions options = of_width(row.features);
    options.zero_based = row.zero_based;
    const auto source = read_libsvm(piped(text, "a.svm"), options);
    const Field& x = source->schema()->fields[0];
    CHECK(x.shape == row.shape);
    REQUIRE(x.metadata.find(first_feature_key));
    CHECK(*x.metadata.find(first_feature_key) == row.first);
  }
  SourceOptions from_one;
  from_one.zero_based = ZeroBased::no;
  CHECK_THAT(error_of([&] { read_out(*read_libsvm(piped(text, "a.svm"), from_one)); }),
             Contains("a.svm:2: index 0, where indices count from 1; --zero-based counts from 0"));
  SourceOptions from_zero;
  from_zero.zero_based = ZeroBased::yes;
  const auto shifted = read_libsvm(piped("1 2:1\n", "a.svm"), from_zero);
  CHECK(read_out(*shifted).values == std::vector<double>{0, 0, 1});
}

TEST_CASE("libsvm: the files of a table have one width, first index and kind of labels") {
  const ScratchFile first("1 1:1\n"), second("0.5 3:1 0:2\n");
  SourceOptions options;
  options.format = FileFormat::libsvm;
  options.inputs = {first.path(), second.path()};
  const auto source = open_source(options);
  CHECK(source->schema()->fields[0].shape == Shape{4});
  CHECK(source->schema()->fields[1].type == DType::f64);
  CHECK(read_out(*source).values == std::vector<double>{0, 1, 0, 0, 2, 0, 0, 1});
}

TEST_CASE("libsvm: the survey by sixteens sees what the one by lines does") {
  std::mt19937 random(1);
  const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  const std::uint32_t largest[] = {3, 12, 130, 4000, 99'999, 16'777'216, 1'000'000'000};
  for (int trial = 0; trial < 3000; ++trial) {
    std::string text;
    const std::uint32_t most = largest[below(7)];
    for (std::uint32_t line = below(12); line > 0; --line) {
      text += below(9) == 0 ? "" : below(5) == 0 ? "1.5" : below(3) == 0 ? " -12" : "7";
      for (std::uint32_t pair = below(9); pair > 0; --pair) {
        text += below(20) == 0 ? "\t  " : " ";
        if (below(30) == 0) text += "qid:3 ";
        if (below(40) == 0) text += "x";
        if (below(40) == 0) text += "000";
        text += fmt::format("{}:{}", below(most) + (below(300) == 0 ? 0 : 1), below(2) == 0 ? "0.25" : "1");
      }
      if (below(60) == 0) text += " # 999999:1";
      if (line > 1 || below(2) == 0) text += below(4) == 0 ? "\r\n" : "\n";
    }
    INFO(text);
    LibsvmSurvey quick, careful;
    quick.look_at(text);
    careful.look_with_care(text);
    CHECK(quick.largest == careful.largest);
    CHECK(quick.any == careful.any);
    CHECK(quick.zero_line == careful.zero_line);
    CHECK(quick.whole_labels == careful.whole_labels);
    CHECK(quick.lines == careful.lines);
  }
}

TEST_CASE("libsvm: a value is the nearest float, also just beside the middle of two") {
  std::string text;
  std::vector<float> wanted;
  std::mt19937 random(2);
  const auto add = [&](const std::string& number) {
    text += fmt::format("0 1:{}\n", number);
    wanted.push_back(std::strtof(number.c_str(), nullptr));
  };
  for (int i = 0; i < 20000; ++i) {
    const float low =
        std::ldexp(static_cast<float>(random() % 16'777'216), static_cast<int>(random() % 30) - 30);
    const double middle = (double{low} + double{std::nextafter(low, 1e9f)}) / 2;
    for (int digits = 6; digits < 20; digits += 3) add(fmt::format("{:.{}f}", middle, digits));
    add(fmt::format("-{}", low));
    add(fmt::format("{}", middle));
  }
  for (const char* number :
       {"0", "-0", "5.", ".5", "1e3", "+2", "16777215", "16777216", "0.000000000000000000001"})
    add(number);
  const auto source = from_memory(text + "0 1:1\n", 1);
  std::size_t at = 0;
  while (const auto batch = source->next()) {
    for (std::int64_t r = 0; r < batch->rows && at < wanted.size(); ++r, ++at) {
      const float value = batch->columns[0].as<float>()[r];
      if (std::memcmp(&value, &wanted[at], sizeof value) != 0) FAIL("row " << at << " is " << value);
    }
  }
  CHECK(at == wanted.size());
}
