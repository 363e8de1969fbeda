#include <fmt/format.h>

#include <cmath>

#include "array_files.hpp"
#include "catch.hpp"
#include "format/readers.hpp"

using namespace nn;
using namespace nn::format;
using namespace nn::test;
using Catch::Matchers::Contains;

namespace {

std::unique_ptr<BatchSource> from_memory(std::string text, std::int64_t features = 0) {
  return read_libsvm(piped(std::move(text), "a.svm"), features);
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
  };
  for (const Row& row : table) {
    INFO(row.text);
    for (const bool mapped : {false, true}) {
      const ScratchFile scratch(row.text);
      const auto open = [&] {
        return mapped ? read_libsvm(open_bytes(scratch.path()), row.features)
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
  const auto mapped = read_libsvm(open_bytes(scratch.path()), 0);
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
  CHECK_THAT(error_in(text, 1), Contains("row 100000: the label 0.5 is not an integer"));
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
      {"1,2 1:1\n", 0, "a.svm:1: the label '1,2' is not a number"},
      {"1:1 2:1\n", 0, "a.svm:1: the label '1:1' is not a number"},
      {"1 0:1\n", 1, "a.svm:1: index 0; indices count from 1"},
      {"1 0:1 2:1\n", 0, "a.svm:1: index 0; indices count from 1"},
      {"1 -1:1 2:1\n", 0, "a.svm:1: index -1; indices count from 1"},
      {"1 2:1 1:1\n", 5, "a.svm:1: index 1 after 2; indices must ascend"},
      {"1 2:1 2:1\n", 0, "a.svm:1: index 2 after 2; indices must ascend"},
      {"1 4:1\n", 3, "a.svm:1: index 4, but there are 3 features"},
      {"1 99999999999:1\n", 0, "a.svm:1: index 99999999999; 16777216 is the limit"},
      {"1 99999999999999999999999:1 \n1 1:1", 3, "; 16777216 is the limit"},
      {"1 1:1\n\n1 a:1\n", 0, "a.svm:3: expected index:value, found 'a:1'"},
      {"1 1:1\n1 1\n", 0, "a.svm:2: expected index:value, found '1'"},
      {"1 1:1 qid:3\n", 0, "a.svm:1: expected index:value, found 'qid:3'"},
      {"1 1:\n", 0, "a.svm:1: the value in '1:' is not a number"},
      {"1 1: 2\n", 0, "a.svm:1: the value in '1:' is not a number"},
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
