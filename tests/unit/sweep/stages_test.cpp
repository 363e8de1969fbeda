// The coordinator with trials that go on in stages.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "catch.hpp"
#include "coordinator_bed.hpp"
#include "sweep/checkpoints.hpp"
#include "sweep/fidelity.hpp"

using namespace nn;
using namespace nn::sweep;
using namespace std::chrono_literals;

namespace {

struct Stages : Bed {
  explicit Stages(std::string_view pruner, std::size_t trials = 3) {
    plan.pruner = search::PrunerSpec::parse(pruner);
    plan.pruner.settle();
    plan.command = Template({"train", "{x}", "{budget}", "{?resume:from {resume}}"});
    plan.trials = trials;
  }
  const StartTrial& last() const { return hands.begun.back().trial; }
  // What runs comes to its budget with a checkpoint.
  void come(std::uint32_t number, double loss, std::optional<std::int64_t> step = std::nullopt,
            const std::string& host = "") {
    report(number, step.value_or(static_cast<std::int64_t>(trial(number).budget)), loss, host);
    TrialEnded ended;
    ended.trial = number;
    ended.status = 0;
    ended.checkpoint = study::Checkpoint{"c", 0, 5, 6, "ab"};
    end(std::move(ended), host);
  }
};

}  // namespace

TEST_CASE("a trial is promoted from its checkpoint before a new one begins, and others wait in vain") {
  Stages bed("asha:1:9:3:promote", 4);
  bed.start({{"", "cpu:0", 0}});
  CHECK(bed.last().words == std::vector<std::string>{"train", bed.last().words[1], "1"});
  CHECK(bed.last().checkpoint == bed.plan.folder + "/trial-00000/checkpoint");
  CHECK_FALSE(bed.last().from);
  bed.come(0, 0.3);
  CHECK(bed.trial(0).paused);
  bed.come(1, 0.1, 0);  // steps from 0
  CHECK(bed.trial(1).paused);
  bed.come(2, 0.2);
  // In the same commit in which the third came to its rung.
  REQUIRE(bed.hands.begun.size() == 4);
  CHECK(bed.last().trial == 1);
  CHECK(bed.trial(1).attempt == 2);
  CHECK(bed.last().words[2] == "3");
  CHECK(bed.last().words[3] == "from");
  CHECK(bed.last().words[4] == bed.last().checkpoint);
  REQUIRE(bed.last().from);
  CHECK(bed.last().from->xxh3 == "ab");
  CHECK(bed.last().from->budget == 1);
  bed.come(1, 0.05);
  CHECK(bed.last().trial == 3);
  bed.come(3, 0.4);
  // Four are tried, and too few came to the second rung: the best of those that wait goes on to the end.
  CHECK_FALSE(bed.coordinator->is_over());
  REQUIRE(bed.last().trial == 1);
  CHECK(bed.last().words[2] == "9");
  bed.come(1, 0.01);
  REQUIRE(bed.coordinator->is_over());
  CHECK(bed.count(study::State::pruned) == 3);
  CHECK(bed.trial(1).state == study::State::complete);
  CHECK(bed.trial(2).values == std::vector<double>{0.2});
  CHECK(bed.trial(3).ending.reason == "pruned: 0.4 is the 4th of 4 at step 1; the best goes on");
}

TEST_CASE("without steps, or early, or without a checkpoint") {
  Stages bed("asha:2:4:2:promote", 4);
  bed.start({{"", "cpu:0", 0}});
  TrialEnded number;
  number.trial = 0;
  number.status = 0;
  number.last_number = 0.5;
  number.checkpoint = study::Checkpoint{"c", 0, 5, 6, ""};
  bed.end(number);
  CHECK(bed.trial(0).paused);
  REQUIRE(bed.trial(0).reports.size() == 1);
  CHECK(bed.trial(0).reports[0].step == 2);
  bed.come(1, 0.1, 1);  // it ended by itself
  CHECK(bed.trial(1).state == study::State::complete);
  bed.report(2, 2, 0.4);
  bed.end(2);
  CHECK(bed.trial(2).state == study::State::failed);
  CHECK(bed.trial(2).ending.reason.starts_with("it came to step 2 and left no checkpoint to go on from, "));
}

TEST_CASE(
    "a promoted trial whose checkpoint is gone is pruned with what it had, and the slot is not to blame") {
  Stages bed("asha:1:9:3:promote", 6);
  bed.start({{"", "cpu:0", 0}});
  bed.come(0, 0.1);
  bed.come(1, 0.2);
  bed.come(2, 0.3);
  CHECK(bed.last().trial == 0);
  TrialEnded lost;
  lost.trial = 0;
  lost.error = "c: the checkpoint isn't there any more";
  lost.lost_checkpoint = true;
  bed.end(lost);
  CHECK(bed.trial(0).state == study::State::pruned);
  CHECK(bed.trial(0).values == std::vector<double>{0.1});
  CHECK(bed.trial(0).ending.reason == "c: the checkpoint isn't there any more");
  CHECK_FALSE(bed.coordinator->is_over());
  CHECK(bed.last().trial == 3);
}

TEST_CASE("a trial goes on where its checkpoint is") {
  Stages bed("asha:1:3:2:promote", 4);
  bed.start({{"h1", "cpu:0", 0}, {"h2", "cpu:0", 0}});
  bed.come(0, 0.1, {}, "h1");  // trial 2 on h1
  bed.come(1, 0.2, {}, "h2");  // 0 may go on, on h1: 3 on h2
  CHECK(bed.hands.begun.size() == 4);
  CHECK(bed.last().slot.host == "h2");
  CHECK(bed.last().trial == 3);
  bed.come(2, 0.3, {}, "h1");
  CHECK(bed.last().slot.host == "h1");
  CHECK(bed.last().trial == 0);
}

TEST_CASE("what has its checkpoint on a host that isn't there is waited for, and pruned then") {
  Stages bed("asha:1:3:2:promote", 2);
  bed.start({{"h1", "cpu:0", 0}});
  CHECK(bed.hands.sought == std::vector<std::pair<std::string, std::string>>{{"h1", bed.presence.path()}});
  bed.come(0, 0.1, {}, "h1");
  bed.coordinator->add_slots({{"h2", "cpu:0", 0}});
  bed.report(1, 1, 0.2, "h1");
  bed.coordinator->host_lost("h1", "its connection ended");
  bed.coordinator->host_is_clear("h1");
  bed.coordinator->work();
  REQUIRE(bed.last().slot.host == "h2");
  bed.come(1, 0.2, {}, "h2");
  CHECK(bed.notes.sentences.back() == "trial 0 waits for a slot on h1, where its checkpoint is");
  bed.pass(59s);
  CHECK_FALSE(bed.coordinator->is_over());
  bed.pass(1s);
  REQUIRE(bed.coordinator->is_over());
  CHECK(bed.trial(0).ending.reason ==
        "pruned: 0.1 is the 1st of 2 at step 1; the best goes on, but its checkpoint is on h1");
}

TEST_CASE("hosts that share the folder take each other's trials") {
  Stages bed("asha:1:3:2:promote", 2);
  bed.plan.folder = bed.folder / "d";
  std::filesystem::create_directories(bed.plan.folder + "/trial-00000");
  const std::string path = bed.plan.folder + "/trial-00000/checkpoint";
  write_file(path, "state");
  bed.start({{"h1", "cpu:0", 0}});
  bed.report(0, 1, 0.1, "h1");
  TrialEnded ended;
  ended.trial = 0;
  ended.status = 0;
  ended.checkpoint = record_of(path);
  bed.end(ended, "h1");
  bed.coordinator->add_slots({{"h2", "cpu:0", 0}});
  bed.coordinator->take("h2", FileFound{bed.presence.path(), true});
  bed.coordinator->host_lost("h1", "its connection ended");
  bed.coordinator->host_is_clear("h1");
  bed.coordinator->work();
  bed.come(1, 0.2, {}, "h2");
  CHECK(bed.last().slot.host == "h2");
  CHECK(bed.last().trial == 0);
  CHECK(bed.last().from->bytes == 5);
}

TEST_CASE("an attempt that is lost goes on with the checkpoint that it finds") {
  Stages bed("asha:1:3:2:promote", 4);
  bed.start({{"", "cpu:0", 0}});
  bed.come(0, 0.1);
  bed.come(1, 0.2);
  REQUIRE(bed.last().trial == 0);
  bed.end(0, 75 << 8);
  bed.pass(1s);
  while (bed.last().trial != 0) bed.come(bed.last().trial, 0.5);
  CHECK(bed.trial(0).attempt == 3);
  CHECK(bed.trial(0).budget == 2);
  CHECK_FALSE(bed.last().from);
  CHECK(bed.last().words[3] == "from");
}

TEST_CASE("generations of a population begin in the commit that ends the ones before") {
  Stages bed("pbt:5:10:members=2", 100);
  bed.start();
  CHECK(member_of(bed.trial(0)) == 0);
  CHECK(member_of(bed.trial(1)) == 1);
  CHECK(bed.trial(1).budget == 5);
  const std::size_t writes = bed.disk.writes;
  bed.come(0, 0.5);
  CHECK(bed.disk.writes <= writes + 2);
  CHECK(bed.trial(0).state == study::State::complete);
  CHECK(bed.last().trial == 2);
  CHECK(bed.trial(2).parent == 0);
  CHECK(bed.trial(2).seed == bed.trial(0).seed);
  CHECK(bed.last().from->path == "c");
  CHECK(bed.last().words[2] == "10");
  bed.come(1, 0.9);
  CHECK(bed.trial(3).parent == 0);
  CHECK(member_of(bed.trial(3)) == 1);
  CHECK(bed.trial(3).seed != bed.trial(1).seed);
  // The clone is lost before it has one of its own: it begins from its parent's again.
  bed.end(3, 75 << 8);
  bed.pass(1s);
  CHECK(bed.trial(3).attempt == 2);
  CHECK(bed.last().keep_own);
  CHECK(bed.last().from->path == "c");
  bed.come(2, 0.4);
  bed.come(3, 0.3);
  REQUIRE(bed.coordinator->is_over());
  CHECK(bed.coordinator->result().reason == "the whole population has come to its last step");
  CHECK(bed.count(study::State::complete) == 4);
}

TEST_CASE("a pruner that ends trials tells them how far the whole goes") {
  Stages bed("hyperband:1:9", 4);
  bed.start();
  CHECK(bed.last().words[2] == "9");
  CHECK(bed.last().checkpoint.empty());
}
