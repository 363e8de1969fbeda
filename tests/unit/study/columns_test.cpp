// Trials as columns, whoever made them.
#include "study/columns.hpp"

#include <cmath>

#include "../catch.hpp"

using namespace nn;
using namespace nn::study;

namespace {

// A journal that is made line by line.
struct Log {
  Replay replay{"s.jsonl"};
  Identity us{"nn-sweep/h:1:b:1:r"};
  search::Space space;

  explicit Log(const std::vector<std::string>& lines, Direction direction = Direction::minimize)
      : space(search::Space::parse(lines)) {
    replay.apply(study_line(us, "s", {direction}, "{}"));
  }
  const StudyLog& study() const { return replay.studies()[0]; }
  void start(const search::Point& point) {
    NewTrial trial;
    trial.study = 0;
    trial.id = replay.trial_ids();
    for (std::size_t p = 0; p < point.size(); ++p) {
      if (!std::isnan(point[p])) trial.parameters.push_back({&space.parameters()[p], point[p]});
    }
    replay.apply(trial_line(us, trial));
  }
  void end(std::uint32_t trial, State state, std::vector<double> values) {
    replay.apply(end_line(us, {trial, 1}, state, values, Date{}, {}));
  }
  void python(const std::string& rest) { replay.apply(R"({"worker_id":"py","op_code":)" + rest + "}\n"); }
};

const double nothing = std::nan("");

bool equal(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && !(std::isnan(a[i]) && std::isnan(b[i]))) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("columns follow what happens, as if they were made at the end") {
  Log log({"x=uniform:0:1", "o=choice:a,b", "m=uniform:0:1 if o=b"}, Direction::maximize);
  Columns columns(log.space);
  const auto update = [&] { return columns.update(log.study(), log.replay.take_changes(log.study())); };
  const auto check = [&] {
    const search::History kept = update();
    std::vector<std::uint32_t> all;
    for (std::uint32_t t = 0; t < log.study().trials.size(); ++t) all.push_back(t);
    Columns anew(log.space);
    const search::History& made = anew.update(log.study(), all);
    CHECK(kept.numbers == made.numbers);
    CHECK(kept.states == made.states);
    for (std::size_t p = 0; p < 3; ++p) CHECK(equal(kept.parameters[p], made.parameters[p]));
    CHECK(equal(kept.values[0], made.values[0]));
    CHECK(equal(kept.last_steps, made.last_steps));
  };
  check();
  for (int i = 0; i < 6; ++i) log.start({0.1 * i, i % 2 ? 1.0 : 0.0, i % 2 ? 0.5 : nothing});
  check();
  log.end(1, State::complete, {3});
  check();
  CHECK(columns.history().values[0][1] == -3);
  CHECK(columns.history().parameters[2][1] == 0.5);
  CHECK(std::isnan(columns.history().parameters[2][0]));
  log.end(2, State::failed, {});  // it goes, in the middle
  check();
  CHECK(columns.history().numbers == std::vector<std::uint32_t>{0, 1, 3, 4, 5});
  log.replay.apply(report_line(log.us, {3, 1}, 7, 0.5, 1, {}));
  log.end(3, State::pruned, {0.5});
  log.end(4, State::complete, {HUGE_VAL});  // nothing to learn from
  log.start({1, 0, nothing});
  check();
  CHECK(columns.history().numbers == std::vector<std::uint32_t>{0, 1, 3, 5, 6});
  CHECK(columns.history().last_steps[2] == 7);
  CHECK(columns.history().last_values[2] == -0.5);
}

TEST_CASE("Python's trials are taken where they fit") {
  Log log({"x=uniform:0:1", "n=int:1:9:2", "o=choice:a,1", "k=ordinal:8,16"});
  Columns columns(log.space);
  const auto trial = [&](const std::string& params, const std::string& distributions) {
    log.python(R"(4,"study_id":0,"datetime_start":null,"params":{)" + params + R"(},"distributions":{)" +
               distributions + "}");
  };
  const std::string x = R"("x":"{\"type\":\"float\",\"low\":0,\"high\":2}")",
                    n = R"("n":"{\"type\":\"int\",\"low\":0,\"high\":9}")",
                    o = R"("o":"{\"type\":\"categorical\",\"choices\":[1.0,\"a\",\"b\"]}")",
                    k = R"("k":"{\"type\":\"int\",\"low\":1,\"high\":99}")";
  const std::string all = x + "," + n + "," + o + "," + k;
  struct Row {
    const char* params;
    std::vector<double> point;  // none: it doesn't fit
  };
  const Row rows[] = {
      {R"("x":0.5,"n":3,"o":1,"k":16)", {0.5, 3, 0, 1}},
      {R"("x":0.5,"n":3,"o":0,"k":8)", {0.5, 3, 1, 0}},
      {R"("x":1.5,"n":3,"o":0,"k":8)", {}},  // out of its range
      {R"("x":0.5,"n":4,"o":0,"k":8)", {}},  // not on the grid
      {R"("x":0.5,"n":3,"o":2,"k":8)", {}},  // another choice
      {R"("x":0.5,"n":3,"o":0,"k":9)", {}},  // none of the ordinals
      {R"("x":0.5,"n":3,"o":0)", {}},        // one is missing
  };
  for (const Row& row : rows) {
    INFO(row.params);
    trial(row.params, all);
    const auto point = columns.point_of(log.study().trials.back());
    REQUIRE(point.has_value() == !row.point.empty());
    if (point) CHECK(equal(*point, row.point));
  }
  CHECK(columns.update(log.study(), {0}).size() == 2);
}

TEST_CASE("what a Python worker's sampler proposed is known before it is said") {
  Log log({"x=uniform:0:1", "o=choice:a,b"});
  log.python(R"(4,"study_id":0,"datetime_start":null)");
  Columns columns(log.space);
  CHECK_FALSE(columns.point_of(log.study().trials[0]));
  log.python(R"(9,"trial_id":0,"system_attr":{"tpe:relative_params:0":"{\"x\": 0.2"})");
  CHECK_FALSE(columns.point_of(log.study().trials[0]));
  log.python(R"(9,"trial_id":0,"system_attr":{"tpe:relative_params:1":"5, \"o\": \"b\"}"})");
  REQUIRE(columns.point_of(log.study().trials[0]));
  CHECK(*columns.point_of(log.study().trials[0]) == search::Point{0.25, 1});
}

TEST_CASE("a space is made of what a study of Optuna's tried") {
  Log log({});
  log.python(
      R"(4,"study_id":0,"datetime_start":null,"params":{"a.lr":0.5,"1":2},"distributions":{"a.lr":"{\"type\":\"float\",\"low\":0.1,\"high\":1,\"log\":true}","1":"{\"type\":\"int\",\"low\":0,\"high\":9}"})");
  log.python(
      R"(4,"study_id":0,"datetime_start":null,"params":{"a_lr":0.5,"a.lr":0.05},"distributions":{"a_lr":"{\"type\":\"float\",\"low\":0,\"high\":1}","a.lr":"{\"type\":\"float\",\"low\":0.01,\"high\":1,\"log\":true}"})");
  const DerivedSpace derived = derive_space(log.study());
  CHECK(derived.names == std::vector<std::string>{"a.lr", "1", "a_lr"});
  REQUIRE(derived.space.size() == 3);
  CHECK(derived.space.parameters()[0].name == "a_lr");
  CHECK(derived.space.parameters()[0].low == 0.01);
  CHECK(derived.space.parameters()[1].name == "_1");
  CHECK(derived.space.parameters()[2].name == "a_lr_");
  Columns columns(derived.space, derived.names, true);
  const search::History& history = columns.update(log.study(), {0});
  REQUIRE(history.size() == 2);
  CHECK(equal(history.parameters[1], {2, nothing}));
}
