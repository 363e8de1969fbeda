// What lines make of studies and trials: Optuna's rules, and ours.
#include "study/replay.hpp"

#include <cmath>

#include "../catch.hpp"
#include "../linear.hpp"
#include "base/error.hpp"

using namespace nn;
using namespace nn::study;

namespace {

const std::string study_s = R"({"op_code":0,"worker_id":"a","study_name":"s","directions":[1]})"
                            "\n";
std::string create(const std::string& more = "", int study = 0) {
  return R"({"op_code":4,"worker_id":"a","study_id":)" + std::to_string(study) +
         R"(,"datetime_start":"2026-11-28T15:12:48.874207+00:00")" + more + "}\n";
}
std::string op(int code, int trial, const std::string& more, const std::string& worker = "a") {
  return R"({"op_code":)" + std::to_string(code) + R"(,"worker_id":")" + worker + R"(","trial_id":)" +
         std::to_string(trial) + "," + more + "}\n";
}
std::string parameter(int trial, const std::string& name, double value, const std::string& distribution) {
  std::string quoted;
  for (const char c : distribution) quoted += c == '"' ? std::string("\\\"") : std::string(1, c);
  return op(5, trial,
            R"("param_name":")" + name + R"(","param_value_internal":)" + std::to_string(value) +
                R"(,"distribution":")" + quoted + "\"");
}
const std::string real =
    R"({"name":"FloatDistribution","attributes":{"step":null,"low":0,"high":1,"log":false}})";
const std::string wide =
    R"({"name":"FloatDistribution","attributes":{"step":null,"low":0,"high":9,"log":false}})";
const std::string log_real =
    R"({"name":"FloatDistribution","attributes":{"step":null,"low":0.1,"high":1,"log":true}})";
const std::string words = R"({"name":"CategoricalDistribution","attributes":{"choices":["a",1]}})";

Replay replayed(const std::string& text) {
  Replay replay("s.jsonl");
  CHECK(replay.apply(text) == text.size());
  return replay;
}

}  // namespace

TEST_CASE("ids count over all studies, and numbers within one") {
  const Replay replay = replayed(study_s + create() +
                                 R"({"op_code":0,"worker_id":"a","study_name":"s","directions":[2]})"
                                 "\n"
                                 R"({"op_code":0,"worker_id":"a","study_name":"t","directions":[2,1]})"
                                 "\n" +
                                 create("", 1) + create("", 7) + create());
  REQUIRE(replay.studies().size() == 2);  // a name that is taken makes none
  CHECK(replay.find_study("s")->directions == std::vector{Direction::minimize});
  CHECK(replay.find_study("s")->trials.size() == 2);
  CHECK(replay.find_study("t")->trials.size() == 1);
  CHECK(replay.trial_ids() == 3);  // of a study that isn't there none is made
  CHECK(replay.find_trial(2)->number == 1);
  CHECK(replay.notice_count() == 0);
}

TEST_CASE("the name of a deleted study is free again, and its trials keep their ids") {
  const Replay replay = replayed(study_s + create() + R"({"op_code":1,"worker_id":"a","study_id":0})" + "\n" +
                                 create() + study_s + create("", 1));
  CHECK(replay.find_study("s")->id == 1);
  CHECK(replay.trial_ids() == 2);
  CHECK(replay.find_trial(1)->number == 0);
}

TEST_CASE("what is said of a trial that has ended doesn't count") {
  const Replay replay =
      replayed(study_s + create() + op(7, 0, R"("step":1,"intermediate_value":0.5)") +
               op(6, 0, R"("state":1,"values":[0.25],"datetime_complete":"2026-11-28T15:12:50+00:00")") +
               op(6, 0, R"("state":3,"values":null)") + op(7, 0, R"("step":2,"intermediate_value":0.5)") +
               op(8, 0, R"("user_attr":{"a":1})") + parameter(0, "x", 0.5, real));
  const Trial& trial = *replay.find_trial(0);
  CHECK(trial.state == State::complete);
  CHECK(trial.values == std::vector{0.25});
  CHECK(trial.reports.size() == 1);
  CHECK(trial.attributes.empty());
  CHECK(trial.parameters.empty());
  CHECK(seconds_between(trial.start, trial.end) == Approx(1.125793));
  CHECK(replay.studies()[0].finished() == 1);
}

TEST_CASE("who first says that a waiting trial runs has it") {
  const std::string waiting =
      create(R"(,"state":4,"system_attrs":{"fixed_params":{"x":0.5,"w":"a","n":null}})");
  const std::string run = R"("state":0,"values":null,"datetime_start":"2026-11-28T15:13:00+00:00")";
  const std::string ours =
      R"("state":0,"values":null,"datetime_start":"2026-11-28T15:13:01+00:00","nn":{"seed":5})";
  SECTION("another program") {
    const Replay replay = replayed(study_s + waiting + op(6, 0, run) + op(6, 0, ours, "nn-sweep/h:1:b:1:r"));
    CHECK(replay.find_trial(0)->attempt == 0);
    CHECK(replay.find_trial(0)->owner.empty());
    CHECK(replay.studies()[0].waiting.empty());
    CHECK(replay.studies()[0].running.size() == 1);
  }
  SECTION("we") {
    const Replay replay = replayed(study_s + waiting + op(6, 0, ours, "nn-sweep/h:1:b:1:r") + op(6, 0, run));
    CHECK(replay.find_trial(0)->attempt == 1);
    CHECK(replay.find_trial(0)->owner == "h:1:b:1:r");
    CHECK(replay.find_trial(0)->seed == 5);
    const auto fixed = replay.find_trial(0)->fixed_parameters();
    CHECK(fixed.at("x") == "0.5");
    CHECK(fixed.at("w") == "a");
    CHECK(fixed.at("n") == "null");
  }
}

TEST_CASE("a parameter must be what it is in the first trial that has it") {
  const Replay replay =
      replayed(study_s + create() + create() + parameter(1, "x", 0.5, real) + parameter(0, "x", 5, wide) +
               parameter(1, "x", 0.25, log_real) + parameter(1, "y", 1, words) + parameter(0, "y", 1, real));
  REQUIRE(replay.find_trial(1)->find("x"));
  CHECK(replay.find_trial(1)->find("x")->value == 0.5);
  CHECK(replay.find_trial(0)->find("x")->text() == "5");
  CHECK(replay.find_trial(1)->find("y")->text() == "1");
  CHECK_FALSE(replay.find_trial(0)->find("y"));
}

TEST_CASE("of several reports of a step the last one counts, and they are in order") {
  const Replay replay = replayed(study_s + create(R"(,"intermediate_values":{"5":1,"2":2})") +
                                 op(7, 0, R"("step":9,"intermediate_value":3)") +
                                 op(7, 0, R"("step":2,"intermediate_value":4)") +
                                 op(7, 0, R"("step":9,"intermediate_value":Infinity)"));
  const auto& reports = replay.find_trial(0)->reports;
  REQUIRE(reports.size() == 3);
  CHECK(reports[0].step == 2);
  CHECK(reports[0].value == 4);
  CHECK(reports[1].value == 1);
  CHECK(reports[2].value == HUGE_VAL);
}

TEST_CASE("an attempt is over when the next one begins") {
  const std::string us = "nn-sweep/h:1:b:1:r", them = "nn-sweep/h:2:b:1:q";
  const auto attempt = [](const char* text) {
    return R"("system_attr":{"nn.attempt":")" + std::string(text) +
           R"("},"nn":{"lost":true,"date":"2026-11-28T15:20:00+00:00"})";
  };
  const std::string begun =
      study_s + R"({"op_code":4,"worker_id":")" + us +
      R"(","t":0,"study_id":0,"datetime_start":"2026-11-28T15:12:48+00:00","state":0,"user_attrs":{"slot":"cpu:0"},"nn":{"seed":7,"sampler":"tpe","known":12}})" +
      "\n";
  Replay replay = replayed(
      begun + op(7, 0, R"("step":1,"intermediate_value":0.5,"nn":{"k":1,"t":4.5,"metrics":{"loss":1}})", us));
  const Trial& trial = *replay.find_trial(0);
  CHECK(trial.attempt == 1);
  CHECK(trial.owner == "h:1:b:1:r");
  CHECK(trial.slot == "cpu:0");
  CHECK(seconds_between(trial.start, trial.last_sign) == 4.5);
  CHECK(trial.metrics_of(trial.reports[0]) == R"({"loss":1})");
  CHECK(replay.studies()[0].proposed == 1);

  const std::string taken = op(9, 0, attempt("2 h:2:b:1:q lost"), them) +
                            op(9, 0, attempt("2 h:3:b:1:p lost"), them) +
                            op(9, 0, attempt("9 h:3:b:1:p lost"), them);
  replay.apply(taken);
  CHECK(trial.attempt == 2);
  CHECK(trial.owner == "h:2:b:1:q");
  CHECK(trial.lost == 1);

  // The first owner comes back to life.
  replay.apply(op(7, 0, R"("step":2,"intermediate_value":0.4,"nn":{"k":1})", us) +
               op(6, 0, R"("state":1,"values":[1],"nn":{"k":1})", us));
  CHECK(trial.state == State::running);
  CHECK(trial.reports.size() == 1);
  CHECK(replay.notice_count() == 2);
  replay.apply(op(
      6, 0,
      R"("state":2,"values":[0.5],"datetime_complete":"2026-11-28T15:21:00+00:00","nn":{"k":2,"exit":143,"reason":"pruned","wall":5.5,"rss":31244})",
      them));
  CHECK(trial.state == State::pruned);
  CHECK(trial.ending.exit_status == 143);
  CHECK(trial.ending.reason == "pruned");
  CHECK(trial.ending.memory_kb == 31244);
}

TEST_CASE("what others call nn is theirs") {
  const Replay replay = replayed(study_s + create(R"(,"nn":{"seed":7},"t":5)") +
                                 op(9, 0, R"("system_attr":{"nn.attempt":"2 x y"},"nn":{"k":3})"));
  CHECK(replay.find_trial(0)->attempt == 0);
  CHECK(replay.find_trial(0)->seed == 0);
  CHECK(replay.find_trial(0)->attributes.size() == 1);
}

TEST_CASE("lines that are bad are named and left out") {
  Replay replay = replayed(study_s + "\n" + "{\"op_co\n" + create() + op(6, 0, R"("state":1,"values":[1])"));
  REQUIRE(replay.notices().size() == 2);
  CHECK(replay.notices()[0].text == "s.jsonl:2: an empty line: it is left out");
  CHECK(replay.notices()[1].text.starts_with("s.jsonl:3: not a line of a journal: "));
  CHECK(replay.find_trial(0)->state == State::complete);
  for (int i = 0; i < 200; ++i) replay.apply("\n");
  CHECK(replay.notices().size() == Replay::max_notices);
  CHECK(replay.notice_count() == 202);
}

TEST_CASE("a line that is lost is seen by its successors") {
  Replay replay("s.jsonl");
  const std::string ours =
      R"({"op_code":4,"worker_id":"nn-sweep/h:1:b:1:r","study_id":0,"datetime_start":null,"t":)";
  replay.apply(study_s + ours + "0}\n");
  try {
    replay.apply(ours + "2}\n");
    FAIL("it was taken");
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::data);
    CHECK(std::string(error.what()).starts_with("s.jsonl:3: trial 2 is made here, after 1 others"));
  }
}

TEST_CASE("half a line waits for its end") {
  Replay replay("s.jsonl");
  const std::string text = study_s + create();
  CHECK(replay.apply(text.substr(0, text.size() - 1)) == study_s.size());
  CHECK(replay.trial_ids() == 0);
  CHECK(replay.apply(text.substr(study_s.size())) == text.size() - study_s.size());
  CHECK(replay.trial_ids() == 1);
}

TEST_CASE("a line without end isn't kept") {
  Replay replay("s.jsonl");
  replay.apply(study_s);
  const std::string endless(max_line_bytes + 1, 'x');
  CHECK(replay.apply(endless) == endless.size());
  CHECK(replay.end_of_lines() == study_s.size());
  CHECK(replay.apply("xx") == 2);
  const std::string rest = "x\n" + create();
  CHECK(replay.apply(rest) == rest.size());
  CHECK(replay.trial_ids() == 1);
  CHECK(replay.notice_count() == 1);
  CHECK(replay.end_of_lines() == replay.offset());
}

TEST_CASE("constraints, as Optuna 5 and those before it have them") {
  const Replay replay =
      replayed(study_s + create(R"(,"system_attrs":{"constraints:a":1.5,"constraints:b":-2})") +
               create(R"(,"system_attrs":{"constraints":[0,0.5,-1]})") + create());
  CHECK(replay.find_trial(0)->violation() == 1.5);
  CHECK(replay.find_trial(0)->constraints().at("b") == -2);
  CHECK(replay.find_trial(1)->violation() == 0.5);
  CHECK(replay.find_trial(2)->violation() == 0);
}

TEST_CASE("journals are replayed in time that grows with them") {
  const auto replay = [](const std::string& text) { Replay("s").apply(study_s + text); };
  // Reports in the wrong order, of two trials in turn; parameters; attributes; studies; attempts.
  test::check_linear(
      3'000,
      [](std::size_t n) {
        std::string text = create() + create();
        for (std::size_t i = 0; i < n; ++i) {
          text += op(7, static_cast<int>(i % 2), R"("intermediate_value":1,"step":)" + std::to_string(n - i));
        }
        return text;
      },
      replay);
  test::check_linear(
      3'000,
      [](std::size_t n) {
        std::string text = create(R"(,"params":{)");
        text.resize(text.size() - 2);
        for (std::size_t i = 0; i < n; ++i) text += "\"p" + std::to_string(i) + "\":1,";
        text += "\"x\":1}}\n";
        for (std::size_t i = 0; i < n; ++i)
          text += op(8, 0, R"("user_attr":{"a)" + std::to_string(i) + R"(":1})");
        return text;
      },
      replay);
}
