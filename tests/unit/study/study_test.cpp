// Asking and telling: quotas, trials that wait, attempts, and going on with what there is.
#include "study/study.hpp"

#include <cmath>
#include <fstream>
#include <set>

#include "../catch.hpp"
#include "base/error.hpp"
#include "fake_file.hpp"

using namespace nn;
using namespace nn::study;

namespace {

const std::vector<std::string> lines = {"x=uniform:0:1", "o=choice:a,b", "n=int:1:5"};

struct Bed {
  test::Folder folder;
  test::ManualClock clock;
  test::FakeDisk disk;
  Study::How how(const std::string& run = "h:1:b:1:r") {
    return {run, test::patience(clock), [this] { return std::make_unique<test::FakeFile>(disk); }};
  }
  Opening opening(const std::vector<std::string>& space = lines) {
    Opening opening;
    opening.objectives = {{"loss", Direction::minimize}};
    opening.header = Header{.version = "1", .space = space, .seed = 3};
    return opening;
  }
  Study open(const std::string& run = "h:1:b:1:r") { return Study(folder / "s.jsonl", opening(), how(run)); }
};

const Propose draw = [](const search::Space&, const search::History&, std::uint64_t, RandomStream& random) {
  return std::optional(search::Proposal{
      {random.uniform(), static_cast<double>(random.below(2)), 1.0 + static_cast<double>(random.below(5))},
      search::SamplerKind::random});
};

Outcome end(Study& study, Run run, State state = State::complete, std::vector<double> values = {0.5}) {
  Outcome outcome{};
  study.commit(Durable::yes, [&](Change& change) { outcome = change.end(run, state, values, {}); });
  return outcome;
}

}  // namespace

TEST_CASE("no more trials finish than were asked for") {
  Bed bed;
  Study a = bed.open(), b = bed.open("h:2:b:1:r");
  const Quota quota{.trials = 3};
  NoTrial why{};
  const auto first = a.ask(quota, draw, {}), second = b.ask(quota, draw, {}), third = a.ask(quota, draw, {});
  REQUIRE((first && second && third));
  CHECK(second->run == Run{1, 1});
  CHECK_FALSE(b.ask(quota, draw, {}, &why));
  CHECK(why == NoTrial::enough);
  // What failed doesn't count; what was pruned does.
  CHECK(end(a, first->run, State::failed) == Outcome::done);
  const auto fourth = b.ask(quota, draw, {});
  REQUIRE(fourth);
  CHECK(end(b, second->run, State::pruned) == Outcome::done);
  CHECK_FALSE(b.ask(quota, draw, {}));
  CHECK(end(a, third->run) == Outcome::done);
  CHECK(end(b, fourth->run) == Outcome::done);
  CHECK(a.log().finished() == 2);  // a hasn't looked
  a.refresh();
  CHECK(a.log().finished() == 3);
  CHECK_FALSE(a.ask(quota, draw, {}));
  CHECK(a.ask({.trials = 4}, draw, {}));
}

TEST_CASE("the proposal of a trial is its number's, whoever asks") {
  Bed one, two;
  std::vector<search::Point> alone, together;
  Study a = one.open();
  for (int i = 0; i < 4; ++i) alone.push_back(a.ask({}, draw, {})->point);
  Study b = two.open(), c = two.open("h:2:b:1:r");
  for (int i = 0; i < 4; ++i) together.push_back((i % 2 ? b : c).ask({}, draw, {})->point);
  CHECK(alone == together);
  CHECK(a.log().trials[2].seed == b.log().trials[2].seed);
  CHECK(a.log().trials[2].seed != a.log().trials[1].seed);
  CHECK(a.log().trials[2].known < a.log().trials[3].known);
}

TEST_CASE("what waits comes first, with what was asked for") {
  Bed bed;
  Study study = bed.open();
  study.commit(Durable::yes, [](Change& change) {
    change.enqueue({{"x", "0.125"}, {"o", "b"}});
    change.enqueue({{"n", "4"}});
  });
  // A worker of Optuna's may ask for what can't be.
  bed.disk.bytes +=
      R"({"op_code":4,"worker_id":"py","study_id":0,"datetime_start":null,"state":4,"system_attrs":{"fixed_params":{"x":7}}})"
      "\n";
  const auto first = study.ask({}, draw, {.slot = "cpu:0"});
  REQUIRE(first);
  CHECK(first->was_waiting);
  CHECK(first->run == Run{0, 1});
  CHECK(first->point[0] == 0.125);
  CHECK(first->point[1] == 1);
  CHECK((first->point[2] >= 1 && first->point[2] <= 5));
  CHECK(study.log().trials[0].slot == "cpu:0");
  CHECK(study.log().trials[0].owner == "h:1:b:1:r");
  CHECK(study.ask({}, draw, {})->point[2] == 4);
  const auto third = study.ask({}, draw, {});
  CHECK(third->run.number == 3);
  CHECK_FALSE(third->was_waiting);
  CHECK(study.log().trials[2].state == State::failed);
  CHECK(study.log().trials[2].ending.reason == "x=7 is none of its values");
  CHECK_THROWS_WITH(check_fixed(study.space(), {{"y", "1"}}), Catch::Contains("no parameter"));
  CHECK_THROWS_WITH(check_fixed(study.space(), {{"n", "6"}}), Catch::Contains("none of its values"));
}

TEST_CASE("a space that is exhausted says so") {
  Bed bed;
  Study study = bed.open();
  NoTrial why{};
  const Propose none = [](const search::Space&, const search::History&, std::uint64_t, RandomStream&) {
    return std::nullopt;
  };
  CHECK_FALSE(study.ask({}, none, {}, &why));
  CHECK(why == NoTrial::exhausted);
  CHECK(study.log().trials.empty());
}

TEST_CASE("what failed isn't proposed again, where there is something else") {
  Bed bed;
  Study study = bed.open();
  int calls = 0;
  const Propose stubborn = [&](const search::Space&, const search::History&, std::uint64_t, RandomStream&) {
    const double x = calls++ < 3 ? 0.5 : 0.75;
    return std::optional(search::Proposal{{x, 0, 1}, search::SamplerKind::random});
  };
  end(study, study.ask({}, stubborn, {})->run, State::failed);
  CHECK(study.ask({}, stubborn, {})->point[0] == 0.75);
}

TEST_CASE("only the current attempt of a trial may speak") {
  Bed bed;
  Study a = bed.open(), b = bed.open("h:2:b:1:r");
  const Run run = a.ask({}, draw, {})->run;
  std::optional<Run> next;
  b.commit(Durable::yes, [&](Change& change) { next = change.next_attempt(run, "lost", {.slot = "cpu:1"}); });
  REQUIRE(next);
  CHECK(next->attempt == 2);
  CHECK(b.log().trials[0].lost == 1);
  CHECK(b.log().trials[0].owner == "h:2:b:1:r");
  CHECK(b.log().trials[0].slot == "cpu:1");
  Outcome outcomes[6];
  a.commit(Durable::yes, [&](Change& change) {
    outcomes[0] = change.report(run, 1, 0.5);
    outcomes[1] = change.constraint(run, "latency", 1);
    outcomes[2] = change.checkpoint(run, {.path = "c"});
    outcomes[3] = change.pause(run);
    outcomes[4] = change.end(run, State::complete, {0.5}, {});
    outcomes[5] = change.next_attempt(run, "again", {}) ? Outcome::done : Outcome::not_yours;
  });
  for (const Outcome outcome : outcomes) CHECK(outcome == Outcome::not_yours);
  CHECK(end(b, *next) == Outcome::done);
  CHECK(end(b, *next) == Outcome::ended);
  a.refresh();
  CHECK(a.log().trials[0].state == State::complete);
  CHECK(a.journal().replay().notice_count() == 0);
}

TEST_CASE("a trial that is paused is nobody's, and goes on from its checkpoint") {
  Bed bed;
  Study a = bed.open();
  const Run run = a.ask({}, draw, {.budget = 3})->run;
  a.commit(Durable::yes, [&](Change& change) {
    CHECK(change.report(run, 3, 0.5, 12.5, R"({"loss":0.25})") == Outcome::done);
    CHECK(change.checkpoint(run, {"d/checkpoint", 3, 12, 34, "ab", 0.5}) == Outcome::done);
    CHECK(change.pause(run) == Outcome::done);
  });
  Study b = bed.open("h:2:b:1:r");
  const Trial& trial = b.log().trials[0];
  CHECK(trial.paused);
  CHECK(trial.budget == 3);
  CHECK(trial.owner.empty());
  REQUIRE(trial.checkpoints.size() == 1);
  CHECK(trial.checkpoints[0].xxh3 == "ab");
  CHECK(trial.checkpoints[0].budget == 3);
  CHECK(trial.checkpoints[0].value == 0.5);
  // Samplers learn from it as if it were pruned, until it goes on.
  CHECK(b.history().states[0] == search::TrialState::pruned);
  CHECK(b.history().last_values[0] == 0.5);
  std::optional<Run> next;
  b.commit(Durable::yes, [&](Change& change) { next = change.next_attempt(run, "promoted", {.budget = 9}); });
  REQUIRE(next);
  CHECK_FALSE(trial.paused);
  CHECK(b.history().states[0] == search::TrialState::running);
  CHECK(trial.budget == 9);
  CHECK(trial.lost == 0);
  CHECK(trial.state == State::running);
}

TEST_CASE("values that are none, and numbers that no journal can have") {
  Bed bed;
  Study study = bed.open();
  const Run nan = study.ask({}, draw, {})->run, pruned = study.ask({}, draw, {})->run,
            inf = study.ask({}, draw, {})->run;
  study.commit(Durable::yes, [&](Change& change) {
    change.report(pruned, 1, 0.75);
    change.report(pruned, 2, std::nan(""));
    change.report(pruned, 3, -HUGE_VAL);
    CHECK_THROWS_AS(change.end(inf, State::complete, {1, 2}, {}), Error);
    change.end(nan, State::complete, {std::nan("")}, {});
    change.end(pruned, State::pruned, {}, {});
    change.end(inf, State::complete, {HUGE_VAL}, {});
  });
  CHECK(bed.disk.bytes.find("NaN") == std::string::npos);
  CHECK(bed.disk.bytes.find("Infinity") == std::string::npos);
  const auto& trials = study.log().trials;
  CHECK(trials[0].state == State::failed);
  CHECK(trials[0].ending.reason == "loss is not a number");
  CHECK(trials[1].values == std::vector{0.75});
  REQUIRE(trials[1].reports.size() == 3);
  CHECK(std::isnan(trials[1].reports[1].value));
  CHECK(trials[1].reports[2].value == -HUGE_VAL);
  CHECK(trials[2].values == std::vector{HUGE_VAL});
}

TEST_CASE("a commit that isn't written isn't seen, and can be made again") {
  Bed bed;
  Study study = bed.open();
  const Run run = study.ask({}, draw, {})->run;
  CHECK(study.history().states[0] == search::TrialState::running);
  bed.disk.room = 30;
  CHECK_THROWS_AS(end(study, run), Error);
  CHECK(study.log().trials[0].state == State::running);
  CHECK(study.history().states[0] == search::TrialState::running);
  bed.disk.room.reset();
  CHECK(end(study, run) == Outcome::done);
  CHECK(study.history().states[0] == search::TrialState::complete);
  CHECK(study.history().values[0][0] == 0.5);
}

TEST_CASE("what has failed is tried again, once for each time that it is asked for") {
  Bed bed;
  Study study = bed.open();
  const auto asked = study.ask({}, draw, {});
  CHECK_THROWS_AS(study.commit(Durable::yes, [&](Change& change) { change.retry(0); }), Error);
  end(study, asked->run, State::failed);
  study.commit(Durable::yes, [&](Change& change) {
    CHECK(change.retry(0) == 1);
    CHECK(change.retry(0) == 1);
  });
  const auto again = study.ask({}, draw, {});
  CHECK(again->run.number == 1);
  CHECK(again->point == asked->point);
  CHECK(study.log().trials[1].seed == study.log().trials[0].seed);
  CHECK(study.log().trials[1].parent == 0);
  end(study, again->run, State::failed);
  study.commit(Durable::yes, [&](Change& change) { CHECK(change.retry(1) == 2); });
  CHECK(study.log().trials[2].find_attribute("retry_history", true)->json == "[0,1]");
}

TEST_CASE("other journals' trials are taken over once, and don't count") {
  Bed old, bed;
  Study from = old.open();
  for (int i = 0; i < 4; ++i) {
    const Run run = from.ask({}, draw, {})->run;
    from.commit(Durable::yes, [&](Change& change) {
      change.report(run, 2, 0.5);
      if (i < 3) change.end(run, i == 2 ? State::failed : State::complete, {0.1 * i}, {});
    });
  }
  Study study = bed.open();
  for (int i = 0; i < 2; ++i) {
    study.commit(Durable::yes, [&](Change& change) {
      const auto taken = change.take_over(from.log(), "dir/old.jsonl");
      CHECK(taken.taken == (i == 0 ? 2 : 0));
      CHECK(taken.here_already == (i == 0 ? 0 : 2));
    });
  }
  CHECK(study.log().trials.size() == 2);
  CHECK(study.log().trials[1].from == "old.jsonl:nn-sweep#1");
  CHECK(study.log().trials[1].reports.size() == 1);
  CHECK(study.log().finished() == 0);
  CHECK(study.history().size() == 2);
  CHECK(study.ask({.trials = 1}, draw, {}));
}

TEST_CASE("going on with a study") {
  Bed bed;
  { Study study = bed.open(); }
  const std::string before = bed.disk.bytes;
  { Study study = bed.open(); }
  CHECK(bed.disk.bytes == before);  // the same again adds nothing
  SECTION("with a wider space") {
    Study study(bed.folder / "s.jsonl", bed.opening({"x=uniform:0:2", "o=choice:a,b", "n=int:1:5"}),
                bed.how());
    const auto notes = study.take_notes();
    REQUIRE(notes.size() == 1);
    CHECK(notes[0].ends_with("x: 0 … 1 becomes 0 … 2"));
    CHECK(study.space().parameters()[0].high == 2);
    CHECK(Study(bed.folder / "s.jsonl", {}, bed.how()).space().parameters()[0].high == 2);
  }
  SECTION("with other choices") {
    CHECK_THROWS_WITH(
        Study(bed.folder / "s.jsonl", bed.opening({"x=uniform:0:1", "o=choice:a,c", "n=int:1:5"}), bed.how()),
        Catch::Contains("o: its choices can't change"));
  }
  SECTION("with another objective") {
    Opening opening = bed.opening();
    opening.objectives = {{"loss", Direction::maximize}};
    CHECK_THROWS_WITH(Study(bed.folder / "s.jsonl", opening, bed.how()), Catch::Contains("minimize loss"));
    opening.objectives = {{"mae", Direction::minimize}};
    CHECK_THROWS_WITH(Study(bed.folder / "s.jsonl", opening, bed.how()),
                      Catch::Contains("objective is loss, not mae"));
  }
  SECTION("without saying which, of several") {
    bed.disk.bytes += R"({"op_code":0,"worker_id":"py","study_name":"t","directions":[2]})"
                      "\n";
    CHECK_THROWS_WITH(Study(bed.folder / "s.jsonl", {}, bed.how()), Catch::Contains("nn-sweep, t"));
    Study study(bed.folder / "s.jsonl", {.name = "t"}, bed.how());
    CHECK_THROWS_WITH(study.ask({}, draw, {}), Catch::Contains("another program"));
  }
  CHECK_THROWS_WITH(Study(bed.folder / "s.jsonl", {.name = "u"}, bed.how()), Catch::Contains("no study 'u'"));
}

TEST_CASE("a study of Optuna's becomes one of ours, unless its parameters are others") {
  Bed bed;
  bed.disk.bytes =
      R"({"op_code":0,"worker_id":"py","study_name":"t","directions":[1]})"
      "\n"
      R"({"op_code":4,"worker_id":"py","study_id":0,"datetime_start":null,"state":1,"value":2,"values":null,"params":{"x":0.5,"o":0,"n":2},"distributions":{"x":"{\"type\":\"float\",\"low\":0,\"high\":1}","o":"{\"type\":\"categorical\",\"choices\":[\"a\",\"b\"]}","n":"{\"type\":\"int\",\"low\":1,\"high\":5}"}})"
      "\n";
  CHECK_THROWS_WITH(Study(bed.folder / "s.jsonl", bed.opening({"x=loguniform:0.1:1"}), bed.how()),
                    Catch::Contains("x: trials of the study have it as"));
  Study study(bed.folder / "s.jsonl", bed.opening(), bed.how());
  CHECK(study.take_notes().size() == 1);
  CHECK(study.history().size() == 1);
  CHECK(study.objectives()[0].name == "loss");
  CHECK(study.ask({}, draw, {})->run.number == 1);
}

TEST_CASE("trials whose owner is dead are found") {
  Bed bed;
  const std::string journal = bed.folder / "s.jsonl";
  auto presence = std::make_unique<Presence>(journal, bed.clock);
  Study dead = bed.open(presence->id());
  Study study = bed.open("h:9:b:1:r");
  dead.ask({}, draw, {});
  study.ask({}, draw, {});
  const Run paused = dead.ask({}, draw, {})->run;
  dead.commit(Durable::yes, [&](Change& change) { change.pause(paused); });
  study.ask({}, draw, {.ttl_s = 60, .owner = "a shell"});
  bed.disk.bytes += R"({"op_code":4,"worker_id":"py","study_id":0,"datetime_start":null})"
                    "\n";
  study.refresh();
  Observer observer(journal, true, bed.clock);
  const auto date = [&] { return std::chrono::time_point_cast<Date::duration>(bed.clock.date()); };
  CHECK(study.lost(observer, date()).empty());
  presence.reset();
  CHECK(study.lost(observer, date()) == std::vector<Run>{{0, 1}});
  bed.clock.advance(std::chrono::seconds(61));
  CHECK(study.lost(observer, date()) == std::vector<Run>{{0, 1}, {3, 1}});
  study.commit(Durable::yes, [&](Change& change) { change.report({3, 1}, 1, 0.5, 30); });
  CHECK(study.lost(observer, date()) == std::vector<Run>{{0, 1}});
}

TEST_CASE("trials of other programs that run for ever don't stop a search") {
  Bed bed;
  Study study = bed.open();
  bed.disk.bytes +=
      R"({"op_code":4,"worker_id":"py","study_id":0,"datetime_start":"2026-11-28T00:00:00+00:00"})"
      "\n";
  CHECK(study.ask({.trials = 1}, draw, {}));
  bed.disk.bytes += R"({"op_code":4,"worker_id":"py","study_id":0,"datetime_start":")" +
                    to_string(std::chrono::time_point_cast<Date::duration>(bed.clock.date())) + "\"}\n";
  CHECK_FALSE(study.ask({.trials = 2}, draw, {}));
}
