// NNI's search spaces as lines, and what has no counterpart.
#include "sweep/nni_space.hpp"

#include <string>

#include "../catch.hpp"
#include "base/error.hpp"
#include "search/space.hpp"

using namespace nn;
using namespace nn::sweep;

namespace {

using Lines = std::vector<std::string>;

Lines lines_of(const std::string& json) {
  Lines lines = parse_nni_space(json).lines;
  search::Space::parse(lines);
  return lines;
}

std::string refusal_of(const std::string& json) {
  try {
    search::Space::parse(parse_nni_space(json).lines);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("each type of NNI's spaces") {
  struct Row {
    const char *type, *value, *line;
  };
  const Row table[] = {
      {"choice", "[16, 0.5, true, \"a b\"]", "x=choice:16,0.5,true,a b"},
      {"choice", "[\"64,32\", \"8\"]", "x=choice:64,32;8;"},
      {"choice", "[1]", "x=choice:1"},
      {"randint", "[2, 9]", "x=int:2:8"},
      {"uniform", "[-1, 0.5]", "x=uniform:-1:0.5"},
      {"quniform", "[0, 1, 0.1]", "x=quniform:0:1:0.1"},
      {"loguniform", "[0.0001, 0.1]", "x=loguniform:0.0001:0.1"},
      {"qloguniform", "[1, 64, 1]", "x=intlog:1:64"},
      {"normal", "[0, 2]", "x=normal:0:2"},
      {"lognormal", "[0, 0.5]", "x=lognormal:0:0.5"},
  };
  for (const Row& row : table) {
    INFO(row.line);
    CHECK(lines_of(std::string(R"({"x": {"_type": ")") + row.type + R"(", "_value": )" + row.value + "}}") ==
          Lines{row.line});
  }
}

TEST_CASE("what can't be said here is refused by name") {
  struct Row {
    const char *space, *says;
  };
  const Row table[] = {
      {R"({"q": {"_type": "quniform", "_value": [0.5, 10, 3]}})", "q: quniform from 0.5 to 10 by 3"},
      {R"({"q": {"_type": "qnormal", "_value": [0, 1, 2]}})", "q: qnormal has no counterpart"},
      {R"({"q": {"_type": "qlognormal", "_value": [0, 1, 2]}})", "q: qlognormal"},
      {R"({"q": {"_type": "qloguniform", "_value": [1, 8, 2]}})", "q: qloguniform"},
      {R"({"r": {"_type": "randint", "_value": [3, 3]}})", "r: randint"},
      {R"({"r": {"_type": "randint", "_value": [0, 3.5]}})", "r: randint"},
      {R"({"u": {"_type": "uniform", "_value": [0]}})", "u: uniform has 2 numbers"},
      {R"({"u": {"_type": "uniform", "_value": ["0", 1]}})", "u: uniform: its _value is a list of numbers"},
      {R"({"u": {"_type": "uniform", "_value": [1, 0]}})", "u: the range is empty"},
      {R"({"u": {"_type": "mutable_layer", "_value": []}})", "'mutable_layer' is no type"},
      {R"({"u": {"type": "uniform"}})", "u: "},
      {R"({"u": 3})", "u: "},
      {R"({"c": {"_type": "choice", "_value": []}})", "c: it has no choices"},
      {R"({"c": {"_type": "choice", "_value": ["a;b"]}})", "c: the choice 'a;b'"},
      {R"({"c": {"_type": "choice", "_value": [[1]]}})", "c: a choice is"},
      {R"({"c": {"_type": "choice", "_value": [{"x": 1}]}})", "c: a choice that is an object needs a _name"},
      {R"({"a": {"_type": "uniform", "_value": [0, 1]}, "a": {"_type": "uniform", "_value": [0, 2]}})",
       "a is there twice"},
      {R"({"a")", "not JSON, from byte"},
      {R"({"u": {"_type": "uniform", "_value": [0, 1e999]}})", "a number is out of range"},
      {R"({"layer.size": {"_type": "uniform", "_value": [0, 1]}})", "layer.size"},
  };
  for (const Row& row : table) {
    INFO(row.space);
    CHECK_THAT(refusal_of(row.space), Catch::Contains(row.says));
  }
  std::string deep = R"({"x": 1})";
  for (int i = 0; i < 40; ++i)
    deep = R"({"x": {"_type": "choice", "_value": [{"_name": "a", "x)" + std::to_string(i) + R"(": )" + deep +
           "}]}}";
  CHECK_THAT(refusal_of(deep), Catch::Contains("deeper"));
  CHECK_THAT(refusal_of(std::string(100'000, '[')), Catch::Contains("deeper"));
}

TEST_CASE("choices with parameters of their own") {
  const std::string space = R"({
    "optimizer": {"_type": "choice", "_value": [
      "adam",
      {"_name": "sgd", "momentum": {"_type": "uniform", "_value": [0, 0.99]},
                       "lr": {"_type": "loguniform", "_value": [0.01, 1]}}]},
    "lr": {"_type": "loguniform", "_value": [0.0001, 0.1]},
    "layer": {"_type": "choice", "_value": [{"_name": "none"}, {"_name": "conv", "kernel": {"_type": "choice",
      "_value": [{"_name": "small", "pad": {"_type": "randint", "_value": [0, 3]}}, "large"]}}]}})";
  CHECK(is_nni_space(space));
  const NniSpace read = parse_nni_space(space);
  CHECK(read.lines == Lines{"optimizer=choice:adam,sgd", "momentum=uniform:0:0.99 if optimizer=sgd",
                            "optimizer_sgd_lr=loguniform:0.01:1 if optimizer=sgd", "lr=loguniform:0.0001:0.1",
                            "layer=choice:none,conv", "kernel=choice:small,large if layer=conv",
                            "pad=int:0:2 if kernel=small"});
  REQUIRE(read.notes.size() == 1);
  CHECK(read.notes[0] == "lr is there several times: below optimizer=sgd it is optimizer_sgd_lr");
  CHECK(search::Space::parse(read.lines).size() == 7);
  CHECK_FALSE(is_nni_space("# lines\nx=uniform:0:1\n"));
}
