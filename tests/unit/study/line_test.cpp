// Lines of journals: what is read, what is refused, and that what is written is what is read.
#include "study/line.hpp"

#include <cmath>

#include "../catch.hpp"
#include "../linear.hpp"

using namespace nn;
using namespace nn::study;

TEST_CASE("lines that are none are refused, and say why") {
  struct Row {
    const char* text;
    const char* why;
  };
  const Row rows[] = {
      {"", "an empty line"},
      {"[]", "no JSON object"},
      {"{\"op_code\":", "not a number"},
      {R"({"op_code":4,"study_id":0} x)", "something behind its end"},
      {R"({"op_code":4,"study_id":0}{"op_code":4,"study_id":0})", "something behind its end"},
      {R"({"op_code":4})", "lacks study_id"},
      {R"({"op_code":11,"study_id":0})", "no known op_code"},
      {R"({"op_code":-1,"study_id":0})", "not a number from 0 up"},
      {R"({"study_id":0})", "lacks op_code"},
      {R"({"op_code":6,"trial_id":0,"state":5})", "lacks a known state"},
      {R"({"op_code":6,"state":1})", "lacks trial_id"},
      {R"({"op_code":7,"trial_id":0,"intermediate_value":1})", "lacks step"},
      {R"({"op_code":0,"study_name":"s","directions":[3]})", "lacks directions"},
      {R"({"op_code":0,"study_name":"s","directions":[]})", "lacks directions"},
      {R"({"op_code":06,"trial_id":0,"state":1})", "not a number"},
      {R"({"op_code":6,"trial_id":0,"state":1,"values":[1,]})", "not a number"},
      {R"({"op_code":6,"trial_id":0,"state":1,"values":[.5]})", "not a number"},
      {R"({"op_code":6,"trial_id":0,"state":1,"values":[+1]})", "not a number"},
      {R"({"op_code":6,"trial_id":0,"state":1,"values":["1"]})", "not a number"},
      {"{\"op_code\":6,\"trial_id\":0,\"state\":1,\"x\":\"\t\"}", "a string without an end"},
      {R"({"op_code":6,"trial_id":0,"state":1,"x":"\q"})", "a string without an end"},
      {"{\"op_code\":6,\"trial_id\":0,\"state\":1,\"x\":\"\xff\"}", "no UTF-8"},
      {R"({"op_code":4,"study_id":0,"distributions":{"x":1}})", "distributions"},
      {R"({"op_code":4,"study_id":0,"intermediate_values":{"x":1}})", "a step"},
  };
  Line line;
  for (const Row& row : rows) {
    INFO(row.text);
    const auto fault = parse_line(row.text, line);
    REQUIRE(fault);
    INFO(*fault);
    CHECK(fault->find(row.why) != std::string::npos);
  }
  std::string deep = R"({"op_code":8,"trial_id":0,"user_attr":{"a":)";
  CHECK_FALSE(parse_line(deep + std::string(25, '[') + std::string(25, ']') + "}}", line));
  CHECK(parse_line(deep + std::string(40, '[') + std::string(40, ']') + "}}", line));
}

TEST_CASE("what Python writes is read") {
  Line line;
  REQUIRE_FALSE(parse_line(
      R"( { "op_code" : 7, "worker_id": "a-\u00e4\ud83d\ude00\ud800", "trial_id": 3, "step": -2, "intermediate_value": NaN, "new": [{"x": -Infinity}] })",
      line));
  CHECK(line.op == Op::report);
  CHECK(line.worker == "a-ä😀\xEF\xBF\xBD");
  CHECK(line.trial == 3u);
  CHECK(line.step == -2);
  CHECK(std::isnan(line.value));
  CHECK_FALSE(line.is_ours);

  REQUIRE_FALSE(parse_line(
      R"({"op_code":6,"trial_id":0,"state":1,"values":[Infinity,-Infinity,1e400,1e-400,-1e400,0.1]})", line));
  REQUIRE(line.values.size() == 6);
  CHECK(line.values[0] == HUGE_VAL);
  CHECK(line.values[1] == -HUGE_VAL);
  CHECK(line.values[2] == HUGE_VAL);
  CHECK(line.values[3] == 0);
  CHECK(line.values[4] == -HUGE_VAL);
  CHECK(line.values[5] == 0.1);

  // What comes twice counts as the last one says.
  REQUIRE_FALSE(
      parse_line(R"({"op_code":6,"op_code":4,"study_id":1,"params":{"a":1},"params":{"b":2}})", line));
  CHECK(line.op == Op::create_trial);
  REQUIRE(line.parameters.size() == 1);
  CHECK(line.parameters[0].name == "b");
  // Nothing of the line before is left.
  REQUIRE_FALSE(parse_line(R"({"op_code":4,"study_id":1})", line));
  CHECK(line.parameters.empty());
  CHECK(line.start.empty());
}

TEST_CASE("a trial's line is read as it was written") {
  const Identity who{"nn-sweep/host:1:b:2:r"};
  const search::Space space =
      search::Space::parse({"lr=loguniform:1e-05:0.1", "n=int:1:9:2", "layers=choice:64,32;8",
                            "q=quniform:0:1:0.1", "z=normal:0:1"});
  NewTrial trial;
  trial.study = 2;
  trial.id = 7;
  trial.start = *parse_date("2026-11-28T15:12:48.874207+00:00");
  const double values[] = {1e-4, 3, 1, 0.3, -0.1};
  for (std::size_t p = 0; p < space.size(); ++p)
    trial.parameters.push_back({&space.parameters()[p], values[p]});
  trial.keys.seed = 4294967297;
  trial.keys.slot = "h\"2/cuda:1";
  trial.keys.sampler = "tpe";
  trial.keys.known = 81234;
  trial.keys.budget = 9;
  trial.keys.parent = 3;
  const std::string text = trial_line(who, trial);
  REQUIRE(text.ends_with("\n"));
  CHECK(text.find('\n') == text.size() - 1);
  Line line;
  REQUIRE_FALSE(parse_line(std::string_view(text).substr(0, text.size() - 1), line));
  CHECK(line.is_ours);
  CHECK(line.study == 2u);
  CHECK(line.check == 7u);
  CHECK(line.start == "2026-11-28T15:12:48.874207+00:00");
  REQUIRE(line.parameters.size() == 5);
  REQUIRE(line.distributions.size() == 5);
  for (std::size_t p = 0; p < space.size(); ++p) {
    INFO(space.parameters()[p].name);
    CHECK(line.parameters[p].name == space.parameters()[p].name);
    CHECK(line.parameters[p].value == values[p]);
    const auto read = parse_distribution(line.parameters[p].name, line.distributions[p].text);
    REQUIRE(read);
    CHECK(are_compatible(*read, space.parameters()[p]));
    CHECK(ValueMap(*read, space.parameters()[p])(values[p]) == values[p]);
  }
  OwnKeys keys;
  REQUIRE(parse_own_keys(line.nn, keys, line.unescaped));
  CHECK(keys.seed == 4294967297u);
  CHECK(keys.sampler == "tpe");
  CHECK(keys.known == 81234u);
  CHECK(keys.budget == 9);
  CHECK(keys.parent == 3);
}

TEST_CASE("numbers are as Python has them") {
  const std::pair<double, const char*> rows[] = {{1, "1.0"},       {0.1, "0.1"},         {1e-5, "1e-05"},
                                                 {1e16, "1e+16"},  {123456, "123456.0"}, {-0.0, "-0.0"},
                                                 {1e300, "1e+300"}};
  for (const auto& [value, text] : rows) CHECK(json_number(value) == text);
}

TEST_CASE("distributions are as Optuna writes them") {
  const search::Space space =
      search::Space::parse({"a=loguniform:0.0001:0.1", "b=int:1:9:2", "c=intlog:8:512", "d=choice:adam,3"});
  const char* expected[] = {
      R"({"name": "FloatDistribution", "attributes": {"step": null, "low": 0.0001, "high": 0.1, "log": true}})",
      R"({"name": "IntDistribution", "attributes": {"log": false, "step": 2, "low": 1, "high": 9}})",
      R"({"name": "IntDistribution", "attributes": {"log": true, "step": 1, "low": 8, "high": 512}})"};
  for (std::size_t p = 0; p < 3; ++p) CHECK(distribution_json(space.parameters()[p]) == expected[p]);
  CHECK(parse_distribution("d", distribution_json(space.parameters()[3]))->choices ==
        space.parameters()[3].choices);
  for (const char* bad : {"", "{}", "[]", R"({"name":"FloatDistribution","attributes":{"low":1,"high":0}})",
                          R"({"name":"FloatDistribution","attributes":{"low":0,"high":1,"log":true}})",
                          R"({"name":"FloatDistribution","attributes":{"low":NaN,"high":1}})",
                          R"({"name":"CategoricalDistribution","attributes":{"choices":[]}})",
                          R"({"name":"OtherDistribution","attributes":{"low":0,"high":1}})"}) {
    INFO(bad);
    CHECK_FALSE(parse_distribution("x", bad));
  }
  const auto choices = [](const char* list) {
    return *parse_distribution("x", std::string(R"({"type":"categorical","choices":)") + list + "}");
  };
  CHECK(are_compatible(choices("[1, true, \"a\"]"), choices("[1.0, 1, \"\\u0061\"]")));
  CHECK_FALSE(are_compatible(choices("[1]"), choices("[\"1\"]")));
  CHECK_FALSE(are_compatible(choices("[1, 2]"), choices("[2, 1]")));
}

TEST_CASE("dates") {
  const auto date = parse_date("2026-11-28T15:12:48.874207+00:00");
  REQUIRE(date);
  CHECK(to_string(*date) == "2026-11-28T15:12:48.874207+00:00");
  for (const char* same : {"2026-11-28T16:12:48.874207+01:00", "2026-11-28 15:12:48.874207Z",
                           "2026-11-28T15:12:48.8742079", "2026-11-28T10:42:48.874207-0430"}) {
    INFO(same);
    CHECK(parse_date(same) == date);
  }
  for (const char* bad :
       {"", "2026", "2026-02-30T00:00:00", "2026-11-28T25:00:00", "2026-11-28T15:12:48.", "x",
        "2026-11-28T15:12:48+99:00", "2026-11-28T15:12:48 and more", "-026-11-28T15:12:48"}) {
    INFO(bad);
    CHECK_FALSE(parse_date(bad));
  }
}

TEST_CASE("lines are read in time that grows with them") {
  const auto read = [](const std::string& text) {
    Line line;
    parse_line(text, line);
  };
  test::check_linear(
      100'000,
      [](std::size_t n) { return R"({"op_code":8,"trial_id":0,"user_attr":{"a":")" + std::string(n, '\\'); },
      read);
  test::check_linear(
      100'000,
      [](std::size_t n) {
        std::string text = R"({"op_code":4,"study_id":0,"user_attrs":{"a":[)";
        while (text.size() < n) text += "[1,{}],";
        return text;
      },
      read);
}
