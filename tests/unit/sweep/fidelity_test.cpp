// Who goes on from which checkpoint, told from a journal alone.
#include "sweep/fidelity.hpp"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "../study/fake_file.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "catch.hpp"
#include "sweep/checkpoints.hpp"
#include "sweep/plan.hpp"

using namespace nn;
using namespace nn::sweep;

namespace {

// A study on a disk of memory, of which two runs know, and what a coordinator does with stages.
struct Bed {
  test::Folder folder;
  test::ManualClock clock;
  test::FakeDisk disk;
  search::PrunerSpec spec;
  std::optional<study::Study> study;
  std::unique_ptr<Fidelity> fidelity;

  explicit Bed(std::string_view pruner) : spec(search::PrunerSpec::parse(pruner)) {
    spec.settle();
    open();
  }
  study::Study opened(const std::string& worker) {
    study::Opening opening;
    opening.objectives = {{"loss", study::Direction::minimize}};
    opening.header = study::Header{.version = "1", .space = {"x=uniform:0:1"}, .seed = 3};
    study::Study::How how;
    how.worker = worker;
    how.patience = test::patience(clock);
    how.open = [this] { return std::make_unique<test::FakeFile>(disk); };
    return {folder / "s.jsonl", opening, how};
  }
  // As a run that begins: all is told by the journal.
  void open() {
    study.emplace(opened("h:1:b:1:r"));
    fidelity = make_fidelity({spec, study::Direction::minimize, &study->space(), 3});
    fidelity->update(study->log());
  }

  static Fidelity::IsThere at(std::string_view host) {
    return [host](const study::Trial& trial) { return host_of(trial.slot) == host; };
  }
  std::optional<Stage> next(bool may_begin = true, std::string_view host = "") {
    fidelity->update(study->log());
    return fidelity->next(at(host), may_begin);
  }
  study::Run begin(const Stage& stage, std::string_view slot = "cpu:0") {
    clock.advance(std::chrono::seconds(1));
    study::Run run{};
    study->commit(study::Durable::yes, [&](study::Change& change) {
      study::Start how;
      how.slot = slot;
      how.seed = stage.seed;
      how.budget = std::isnan(stage.budget)
                       ? fidelity->first_budget(static_cast<std::uint32_t>(change.log().trials.size()))
                       : stage.budget;
      if (stage.is == Stage::Is::promoted) {
        run = *change.next_attempt(stage.from, "promoted", how);
        return;
      }
      if (stage.is == Stage::Is::next) how.parent = stage.from.number;
      run = change.start(stage.is == Stage::Is::next ? stage.point : search::Point{0.5}, how);
      if (stage.member >= 0) change.attribute(run, true, member_attribute, std::to_string(stage.member));
    });
    return run;
  }
  // It comes to its budget with this loss.
  void come(study::Run run, double loss) {
    fidelity->update(study->log());
    study->commit(study::Durable::yes, [&](study::Change& change) {
      const study::Trial& trial = change.log().trials[run.number];
      const auto step = static_cast<std::int64_t>(trial.budget);
      change.report(run, step, loss);
      change.checkpoint(run, {"c", trial.budget, 1, 2, "", loss});
      if (fidelity->waits(trial)) {
        change.pause(run);
      } else {
        change.end(run, study::State::complete, {loss}, {});
      }
    });
  }
  void end(study::Run run, study::State state, std::vector<double> values = {}) {
    study->commit(study::Durable::yes, [&](study::Change& change) { change.end(run, state, values, {}); });
  }
  const study::Trial& trial(std::uint32_t number) const { return study->log().trials[number]; }
};

}  // namespace

TEST_CASE("a budget is reached where its step, or from 0 the one before, was reported, or none by itself") {
  CHECK(reaches(9, {1, 9, true}));
  CHECK(reaches(9, {0, 8, true}));
  CHECK_FALSE(reaches(9, {1, 8, true}));
  CHECK_FALSE(reaches(9, {0, 7, true}));
  CHECK(reaches(9, {-1, -1, false}));
  CHECK_FALSE(reaches(std::nan(""), {1, 9, true}));
  CHECK(std::isnan(whole_budget(search::PrunerSpec::parse("median"))));
  CHECK(whole_budget(search::PrunerSpec::parse("asha:1:81")) == 81);
}

TEST_CASE("trials wait at a rung, and the best of three goes on, whoever looks") {
  Bed bed("asha:1:9:3:promote");
  for (const double loss : {0.3, 0.1, 0.2}) {
    const auto stage = bed.next();
    REQUIRE(stage);
    CHECK(stage->is == Stage::Is::fresh);
    const study::Run run = bed.begin(*stage);
    CHECK(bed.trial(run.number).budget == 1);
    bed.come(run, loss);
  }
  CHECK(bed.trial(1).paused);
  if (GENERATE(false, true)) bed.open();
  // Another host hasn't the file.
  const auto elsewhere = bed.next(true, "h2");
  REQUIRE(elsewhere);
  CHECK(elsewhere->is == Stage::Is::fresh);
  CHECK_FALSE(bed.next(false, "h2"));
  const auto stage = bed.next();
  REQUIRE(stage);
  CHECK(stage->is == Stage::Is::promoted);
  CHECK(stage->from == study::Run{1, 1});
  CHECK(stage->budget == 3);
  // Somebody else does so first.
  study::Study other = bed.opened("h:2:b:1:r");
  std::optional<study::Run> first;
  other.commit(study::Durable::yes, [&](study::Change& change) {
    first = change.next_attempt(stage->from, "promoted", {.budget = 3});
  });
  REQUIRE(first);
  bed.study->commit(study::Durable::yes, [&](study::Change& change) {
    CHECK_FALSE(change.next_attempt(stage->from, "promoted", {.budget = 3}));
  });
  CHECK_FALSE(bed.next(false));
  CHECK(bed.next(true)->is == Stage::Is::fresh);
  CHECK(bed.fidelity->explain(1).starts_with(
      "step 1: went on: 0.1 is the 1st of 3 at step 1; the best goes on\n"));
  CHECK(bed.fidelity->explain(0) == "step 1: waits: 0.3 is the 3rd of 3 at step 1; the best goes on\n");
}

TEST_CASE("what others have promoted and brought to an end meanwhile isn't promoted again") {
  Bed bed("asha:1:9:3:promote");
  for (const double loss : {0.3, 0.1, 0.2}) bed.come(bed.begin(*bed.next()), loss);
  bed.fidelity->update(bed.study->log());
  const auto stage = bed.fidelity->next(Bed::at(""), false);
  const auto seen = std::move(bed.fidelity);
  study::Study& same = *bed.study;
  bed.fidelity = make_fidelity({bed.spec, study::Direction::minimize, &same.space(), 3});
  bed.come(bed.begin(*stage), 0.05);
  seen->update(same.log());
  // Nothing else runs, so that it is the last one that could come to the end.
  const auto more = seen->next(Bed::at(""), false);
  REQUIRE(more);
  CHECK(more->from == study::Run{1, 2});
  CHECK(more->budget == 9);
}

TEST_CASE("at the last rung a trial is complete, and who waits in vain is told why") {
  Bed bed("asha:1:3:3:promote");
  for (const double loss : {0.3, 0.1, 0.2}) bed.come(bed.begin(*bed.next()), loss);
  bed.come(bed.begin(*bed.next()), 0.05);
  CHECK(bed.trial(1).state == study::State::complete);
  CHECK(bed.trial(1).attempt == 2);
  CHECK_FALSE(bed.next(false));
  const auto left = bed.fidelity->leftovers();
  REQUIRE(left.size() == 2);
  CHECK(left[0].run == study::Run{0, 1});
  CHECK(left[1].reason == "pruned: 0.2 is the 2nd of 3 at step 1; the best goes on");
  CHECK(bed.fidelity->needs(0));
  CHECK_FALSE(bed.fidelity->needs(1));
  for (const Leftover& leftover : left) bed.end(leftover.run, study::State::pruned);
  CHECK(bed.trial(2).values == std::vector<double>{0.2});
  CHECK_FALSE(bed.next(false));
}

TEST_CASE("who failed, or ended by itself, counts at the rung and doesn't go on") {
  Bed bed("asha:1:9:3:promote");
  const study::Run run = bed.begin(*bed.next());
  bed.end(run, study::State::complete, {0.01});  // before its budget
  for (const double loss : {0.3, 0.2}) bed.come(bed.begin(*bed.next()), loss);
  CHECK_FALSE(bed.next(false));
  for (const double loss : {0.4, 0.4, 0.4}) bed.come(bed.begin(*bed.next()), loss);
  const auto stage = bed.next();
  REQUIRE(stage->is == Stage::Is::promoted);
  CHECK(stage->from.number == 2);
  bed.end(bed.begin(*stage), study::State::failed);
  CHECK_FALSE(bed.next(false));
  if (GENERATE(false, true)) bed.open();
  CHECK_FALSE(bed.next(false));
  for (const double loss : {0.4, 0.4, 0.4}) bed.come(bed.begin(*bed.next()), loss);
  CHECK(bed.next(false)->from.number == 1);
}

TEST_CASE("Hyperband's brackets begin at rungs of their own") {
  Bed bed("hyperband:1:9:3:promote");
  std::set<double> budgets;
  for (std::uint32_t n = 0; n < 12; ++n) budgets.insert(bed.fidelity->first_budget(n));
  CHECK(budgets == std::set<double>{1, 3, 9});
  for (int n = 0; n < 12; ++n) {
    const auto stage = bed.next();
    if (stage->is != Stage::Is::fresh) continue;
    bed.come(bed.begin(*stage), 0.1 * n);
  }
  const auto stage = bed.next(false);
  REQUIRE(stage);
  CHECK(stage->budget > bed.trial(stage->from.number).budget);
  // One of the bracket that begins at the last step is complete at once.
  for (std::uint32_t n = 0; n < 12 && n < bed.study->log().trials.size(); ++n) {
    if (bed.fidelity->first_budget(n) == 9) CHECK(bed.trial(n).state == study::State::complete);
  }
}

TEST_CASE("a population's worst goes on as a copy of one of the best, with other values") {
  Bed bed("pbt:5:20:members=4");
  std::vector<study::Run> runs;
  for (int m = 0; m < 4; ++m) {
    const auto stage = bed.next();
    REQUIRE(stage);
    CHECK((stage->is == Stage::Is::fresh && stage->member == m));
    runs.push_back(bed.begin(*stage));
  }
  CHECK_FALSE(bed.next());  // all run
  for (std::size_t m = 0; m < 4; ++m) bed.come(runs[m], m == 2 ? 0.9 : 0.1 * static_cast<double>(m + 1));
  if (GENERATE(false, true)) bed.open();
  std::vector<Stage> stages;
  for (int m = 0; m < 4; ++m) {
    const auto stage = bed.next();
    REQUIRE(stage);
    CHECK(stage->is == Stage::Is::next);
    CHECK(stage->budget == 10);
    stages.push_back(*stage);
    runs[static_cast<std::size_t>(m)] = bed.begin(*stage);
  }
  for (const Stage& stage : stages) {
    if (stage.member == 2) {
      CHECK(stage.from.number == 0);
      CHECK(stage.seed == 0);
      CHECK(stage.point != search::Point{0.5});
    } else {
      CHECK(stage.from.number == stage.member);
      CHECK(stage.seed == bed.trial(stage.from.number).seed);
      CHECK(stage.point == search::Point{0.5});
    }
  }
  CHECK(bed.trial(4).parent == 0);
  CHECK(member_of(bed.trial(6)) == 2);
  CHECK(bed.fidelity->needs(0));  // two go on from it
  bed.fidelity->update(bed.study->log());
  CHECK(bed.fidelity->explain(6).find(
            "took the place of trial 2: 0.9 is number 4 of 4 at step 5; the worst 1 go on as "
            "one of the best 1\na copy of trial 0, which had 0.1 at step 5; x 0.5 -> ") != std::string::npos);
  CHECK(bed.fidelity->explain(4).find("goes on from trial 0: 0.1 is number 1 of 4") != std::string::npos);
}

TEST_CASE("who failed in a population is replaced, and it is done at the last step") {
  Bed bed("pbt:5:10:members=2");
  const study::Run a = bed.begin(*bed.next()), b = bed.begin(*bed.next());
  bed.end(a, study::State::failed);
  // There is nobody yet to go on from.
  auto stage = bed.next();
  REQUIRE(stage);
  CHECK((stage->is == Stage::Is::fresh && stage->member == 0));
  const study::Run again = bed.begin(*stage);
  bed.end(again, study::State::failed);
  bed.come(b, 0.5);
  stage = bed.next();
  REQUIRE(stage);
  CHECK((stage->is == Stage::Is::next && stage->member == 0 && stage->from.number == b.number));
  CHECK(stage->budget == 10);
  CHECK_FALSE(bed.next(false));
  bed.come(bed.begin(*stage), 0.4);
  stage = bed.next();
  REQUIRE(stage);
  CHECK(stage->member == 1);
  CHECK_FALSE(bed.fidelity->is_done());
  bed.come(bed.begin(*stage), 0.3);
  CHECK_FALSE(bed.next());
  CHECK(bed.fidelity->is_done());
  CHECK_FALSE(bed.fidelity->needs(b.number));
}

TEST_CASE("a population without a number grows to what slots there are, and goes on without an end") {
  Bed bed("pbt:5");
  const study::Run a = bed.begin(*bed.next()), b = bed.begin(*bed.next());
  bed.come(a, 0.5);
  auto stage = bed.next();
  CHECK((stage->is == Stage::Is::next && stage->budget == 10));
  bed.come(bed.begin(*stage), 0.5);
  bed.come(b, 0.4);
  // The one that is behind comes first.
  CHECK(bed.next()->member == 1);
  CHECK_FALSE(bed.fidelity->is_done());
}

TEST_CASE("a checkpoint is brought only where it is what was recorded") {
  const test::Folder folder;
  const std::string path = folder / "a", other = folder / "b";
  CHECK_FALSE(record_of(path));
  write_file(path, "");
  CHECK_FALSE(record_of(path));
  write_file(path, "state");
  auto record = record_of(path);
  REQUIRE(record);
  CHECK(record->bytes == 5);
  CHECK(record->xxh3.size() == 16);
  bring(*record, path);
  bring(*record, other);
  CHECK(read_text(other, 100) == "state");
  record->xxh3[0] ^= 1;
  CHECK_THROWS_AS(bring(*record, other), Error);
  std::filesystem::remove(path);
  CHECK_THROWS_AS(bring(*record, other), Error);
}
