// The coordinator on a clock that stands still, with trials that end as a test says.
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "catch.hpp"
#include "coordinator_bed.hpp"

using namespace nn;
using namespace nn::sweep;
using namespace std::chrono_literals;

namespace {

constexpr int exited(int status) { return status << 8; }

}  // namespace

TEST_CASE("slots are busy until enough trials have finished") {
  Bed bed;
  bed.start();
  CHECK(bed.hands.begun.size() == 2);
  CHECK(bed.hands.begun[0].trial.words[0] == "train");
  CHECK(bed.hands.begun[1].trial.slot.name() == "cpu:1");
  bed.good(1, 0.25);
  CHECK(bed.hands.begun.size() == 3);
  CHECK(bed.hands.begun[2].trial.slot.name() == "cpu:1");
  bed.good(0);
  bed.good(2);
  CHECK(bed.hands.begun.size() == 4);  // not a fifth, for the fourth may finish
  CHECK_FALSE(bed.coordinator->is_over());
  bed.good(3);
  CHECK(bed.coordinator->is_over());
  CHECK(bed.coordinator->result().finished == 4);
  CHECK(bed.notes.order == std::vector<std::uint32_t>{1, 0, 2, 3});
  CHECK(bed.study->log().best()->number == 1);
}

TEST_CASE("a trial that failed is made up for by another, and too many end the run") {
  Bed bed;
  bed.plan.most_failures = 1;
  bed.start();
  bed.good(0);
  bed.end(1, exited(3));
  CHECK(bed.trial(1).state == study::State::failed);
  CHECK(bed.trial(1).ending.reason == "it ended with exit status 3");
  bed.good(2);
  bed.end(3, exited(1));
  CHECK(bed.hands.begun.size() == 5);  // what runs may end
  bed.good(4);
  REQUIRE(bed.coordinator->is_over());
  CHECK(bed.coordinator->result().error->message() == "2 trials failed");
}

TEST_CASE("where the first trials all fail, or can't be started, no more begin") {
  Bed bed;
  bed.plan.trials = 100;
  bed.start();
  bed.end(0, exited(1));
  bed.end(1, exited(1));
  bed.end(2, exited(1));
  bed.end(3, exited(1));
  REQUIRE(bed.coordinator->is_over());
  CHECK(bed.coordinator->result().error->message() == "all of the first 3 trials failed");
  Bed other;
  other.start();
  other.end(0, std::nullopt);
  other.good(1);
  REQUIRE(other.coordinator->is_over());
  CHECK(other.coordinator->result().error->kind() == ErrorKind::usage);
}

TEST_CASE("a trial without the objective has failed, and says what it spoke of") {
  Bed bed;
  bed.start();
  TrialReport said{0, {}};
  said.report.metrics["accuracy"] = 1;
  bed.coordinator->take("", said);
  bed.end(0);
  CHECK(bed.trial(0).ending.reason == "it said nothing of loss; only of accuracy");
  bed.report(1, 0, std::nan(""));
  bed.end(1);
  CHECK(bed.trial(1).state == study::State::failed);
  TrialEnded ended;
  ended.trial = 2;
  ended.status = 0;
  ended.last_number = 7;
  bed.coordinator->take("", ended);
  bed.coordinator->work();
  CHECK(bed.trial(2).values == std::vector<double>{7});
}

TEST_CASE("status 75 is tried again after pauses, with the same values") {
  Bed bed;
  bed.plan.retries = 2;
  bed.start({{"", "cpu:0", 0}});
  const auto words = bed.hands.begun[0].trial.words;
  bed.end(0, exited(75));
  // Meanwhile the slot is another trial's.
  REQUIRE(bed.hands.begun.size() == 2);
  CHECK(bed.hands.begun[1].trial.trial == 1);
  bed.pass(1s);
  bed.good(1);
  REQUIRE(bed.hands.begun.size() == 3);
  CHECK(bed.hands.begun[2].trial.trial == 0);
  CHECK(bed.hands.begun[2].trial.words == words);
  CHECK(bed.trial(0).attempt == 2);
  bed.end(0, exited(75));
  bed.good(2);
  bed.pass(2s);
  bed.good(3);
  CHECK(bed.trial(0).attempt == 3);
  bed.end(0, exited(75));  // no third time
  CHECK(bed.trial(0).state == study::State::failed);
}

TEST_CASE("a trial that lasts too long is told to end, then killed") {
  Bed bed;
  bed.plan.timeout_s = 60;
  bed.start();
  bed.pass(59s);
  CHECK(bed.hands.signals.empty());
  bed.pass(1s);
  CHECK(bed.hands.signals == std::vector<std::pair<std::uint32_t, int>>{{0, SIGTERM}, {1, SIGTERM}});
  bed.end(1, SIGTERM);
  bed.pass(10s);
  CHECK(bed.hands.signals.back() == std::pair<std::uint32_t, int>{0, SIGKILL});
  bed.end(0, SIGKILL);
  CHECK(bed.trial(0).state == study::State::failed);
  CHECK(bed.trial(0).ending.reason == "it ran longer than 60s");
}

TEST_CASE("a run that is stopped with its trials takes no time from them") {
  Bed bed;
  bed.plan.timeout_s = 20;
  bed.start();
  bed.pass(10s);
  bed.coordinator->pause();
  CHECK(bed.hands.signals == std::vector<std::pair<std::uint32_t, int>>{{0, SIGSTOP}, {1, SIGSTOP}});
  bed.clock.advance(30s);
  bed.hands.signals.clear();
  bed.coordinator->go_on();
  CHECK(bed.hands.signals == std::vector<std::pair<std::uint32_t, int>>{{0, SIGCONT}, {1, SIGCONT}});
  bed.pass(9s);
  CHECK(bed.hands.signals.size() == 2);
  bed.pass(1s);
  CHECK(bed.hands.signals.size() == 4);
}

TEST_CASE("a slot where trials fail while others' go well gets no more of them") {
  Bed bed;
  bed.plan.trials = 100;
  bed.start();
  bed.clock.advance(1s);
  bed.good(0);
  std::size_t on_broken = 0;
  for (int i = 0; i < 12; ++i) {
    const auto last = bed.hands.begun.back().trial;
    std::uint32_t broken = 0;
    for (const auto& begun : bed.hands.begun) {
      if (begun.trial.slot.device == "cpu:1") broken = begun.trial.trial;
    }
    if (bed.trial(broken).state == study::State::running) {
      ++on_broken;
      bed.end(broken, exited(1));
    } else {
      bed.good(last.trial);
    }
  }
  CHECK(on_broken == 3);
}

TEST_CASE("trials of a host that is lost begin again elsewhere") {
  Bed bed;
  bed.start({{"h1", "cpu:0", 0}, {"h2", "cpu:0", 0}});
  bed.coordinator->host_lost("h1", "its connection ended");
  bed.coordinator->host_is_clear("h1");
  bed.coordinator->work();
  bed.report(1, 0, 0.5, "h2");
  bed.end(1, 0, "h2");
  REQUIRE(bed.hands.begun.size() == 3);
  CHECK(bed.hands.begun[2].host == "h2");
  CHECK(bed.hands.begun[2].trial.trial == 0);
  CHECK(bed.trial(0).attempt == 2);
  // What the lost one says late doesn't count.
  bed.end(0, exited(1), "h1");
  CHECK(bed.trial(0).state == study::State::running);
}

TEST_CASE("a run that others may take for dead ends its trials, and goes on as another") {
  Bed bed;
  bed.start();
  const std::string before = bed.presence.id();
  bed.clock.advance(61s);  // stopped for so long
  // Its agent has ended one of them by itself: that is no failure.
  bed.end(0, SIGTERM);
  CHECK(bed.hands.signals.back() == std::pair<std::uint32_t, int>{1, SIGTERM});
  CHECK(bed.hands.begun.size() == 2);
  bed.end(1, SIGTERM);
  bed.pass(10ms);
  CHECK(bed.presence.id() != before);
  REQUIRE(bed.hands.begun.size() == 4);
  CHECK(bed.trial(0).attempt == 2);
  CHECK(bed.trial(1).attempt == 2);
  CHECK(bed.trial(1).owner == bed.presence.id());
  REQUIRE(bed.notes.sentences.size() == 1);
  CHECK(bed.notes.sentences[0].starts_with("this run showed no sign of life for 61 s"));
}

TEST_CASE("trials of a lost host wait until they must have ended there, or are known to have") {
  Bed bed;
  bed.start({{"h1", "cpu:0", 0}, {"h2", "cpu:0", 0}, {"h3", "cpu:0", 0}});
  bed.coordinator->host_lost("h1", "its connection ended");
  bed.coordinator->host_lost("h2", "its connection ended");
  bed.coordinator->add_slots({{"h2", "cpu:0", 0}});
  bed.coordinator->work();
  REQUIRE(bed.hands.begun.size() == 4);
  CHECK(bed.hands.begun[3].trial.trial == 3);  // a new one
  bed.coordinator->host_is_clear("h2");
  bed.report(2, 0, 0.5, "h3");
  bed.end(2, 0, "h3");
  REQUIRE(bed.hands.begun.size() == 5);
  CHECK(bed.hands.begun[4].trial.trial == 1);
  bed.report(1, 0, 0.5, "h3");
  bed.end(1, 0, "h3");
  CHECK(bed.hands.begun.size() == 5);  // trial 0 may still be running
  for (int i = 0; i < 10; ++i) bed.pass(10s);
  REQUIRE(bed.hands.begun.size() == 6);
  CHECK(bed.hands.begun[5].trial.trial == 0);
}

TEST_CASE("a slot that is drained gets no more trials, and what runs there may end or begins elsewhere") {
  Bed bed;
  bed.start({{"", "cpu:0", 0}, {"", "cpu:1", 0}, {"", "cpu:1", 1}});
  bed.coordinator->drain_slot("cpu:0", false);
  CHECK(bed.hands.signals.empty());
  bed.good(0);
  CHECK(bed.hands.begun.size() == 3);
  bed.coordinator->drain_slot("cpu:1", true);  // both
  CHECK(bed.hands.signals == std::vector<std::pair<std::uint32_t, int>>{{1, SIGTERM}, {2, SIGTERM}});
  CHECK(bed.coordinator->slot_states()[2] == SlotState{"cpu:1#1", "trial 2, draining"});
  bed.end(1, SIGTERM);
  bed.end(2, SIGTERM);
  bed.pass(1s);
  CHECK(bed.hands.begun.size() == 3);
  CHECK_FALSE(bed.coordinator->is_over());  // it waits for slots
  bed.coordinator->add_slots({{"", "cpu:0", 0}, {"", "cpu:2", 0}}, true);
  bed.coordinator->work();
  REQUIRE(bed.hands.begun.size() == 5);
  CHECK(bed.trial(1).attempt == 2);
  CHECK(bed.trial(2).attempt == 2);
  CHECK(bed.hands.begun[3].trial.slot.name() == "cpu:0");
  CHECK_THROWS_WITH(bed.coordinator->drain_slot("cpu:9", false), "there is no slot 'cpu:9'");
}

TEST_CASE("a host that comes back gets trials again, and its absence is no idle time") {
  Bed bed;
  bed.start({{"h1", "cpu:0", 0}});
  bed.pass(10s);
  CHECK(bed.coordinator->host_lost("h1", "its connection ended") == 1);
  for (int i = 0; i < 12; ++i) bed.pass(10s);
  CHECK_FALSE(bed.coordinator->is_over());  // no slot is there, but it may be
  CHECK(bed.hands.begun.size() == 1);
  bed.coordinator->add_slots({{"h1", "cpu:0", 0}});
  bed.coordinator->work();
  REQUIRE(bed.hands.begun.size() == 2);
  CHECK(bed.trial(0).attempt == 2);
  bed.pass(10s);
  bed.report(0, 0, 0.5, "h1");
  bed.end(0, 0, "h1");
  const RunResult result = bed.coordinator->result();
  CHECK(result.slot_s == 20);
  CHECK(result.busy_s == 20);
}

TEST_CASE("a pruner's decision ends a trial, which is pruned then") {
  Bed bed;
  bed.plan.pruner = search::PrunerSpec::parse("threshold::1");
  bed.plan.pruner.settle();
  bed.start();
  bed.report(0, 1, 0.5);
  bed.report(1, 1, 2);
  bed.pass(50ms);
  CHECK(bed.hands.signals == std::vector<std::pair<std::uint32_t, int>>{{1, SIGTERM}});
  bed.end(1, SIGTERM);
  CHECK(bed.trial(1).state == study::State::pruned);
  CHECK(bed.trial(1).ending.reason.starts_with("pruned: "));
}

TEST_CASE("reports that no decision waits for are written together") {
  Bed bed;
  bed.start();
  const std::size_t writes = bed.disk.writes;
  for (int step = 1; step <= 8; ++step) {
    bed.report(0, step, 0.5);
    bed.pass(100ms);
  }
  CHECK(bed.disk.writes == writes);
  bed.pass(200ms);
  CHECK(bed.disk.writes == writes + 1);
  CHECK(bed.trial(0).reports.size() == 8);
}

TEST_CASE("a run that is stopped leaves its trials to the next") {
  Bed bed;
  bed.start();
  bed.coordinator->stop("told so");
  CHECK(bed.hands.signals.size() == 2);
  bed.end(0, SIGTERM);
  bed.end(1, SIGTERM);
  CHECK(bed.coordinator->is_over());
  CHECK(bed.count(study::State::running) == 2);
  CHECK(bed.hands.begun.size() == 2);
}

TEST_CASE("on a full disk no trial begins, and none is forgotten") {
  Bed bed;
  bed.start();
  bed.disk.room = 0;
  bed.good(0);
  bed.good(1);
  CHECK(bed.hands.begun.size() == 2);
  REQUIRE_FALSE(bed.notes.sentences.empty());
  bed.disk.room.reset();
  bed.pass(4s);
  CHECK(bed.hands.begun.size() == 2);
  bed.pass(1s);
  CHECK(bed.hands.begun.size() == 4);
  CHECK(bed.count(study::State::complete) == 2);
}

TEST_CASE("a target, patience and time end a run") {
  Bed bed;
  bed.plan.target = 0.1;
  bed.plan.trials = 100;
  bed.start();
  bed.good(0, 0.05);
  CHECK(bed.hands.begun.size() == 2);
  bed.good(1);
  CHECK(bed.coordinator->is_over());
  Bed patient;
  patient.plan.patience = 2;
  patient.plan.trials = 100;
  patient.start({{"", "cpu:0", 0}});
  patient.good(0, 0.1);
  patient.good(1, 0.2);
  patient.good(2, 0.3);
  CHECK(patient.coordinator->is_over());
  Bed late;
  late.plan.stop_after_s = 60;
  late.plan.trials = 100;
  late.start({{"", "cpu:0", 0}});
  for (int i = 0; i < 4; ++i) late.pass(15s);
  late.good(0);
  CHECK(late.coordinator->is_over());
  CHECK(late.hands.begun.size() == 1);
}

TEST_CASE("where trials are short, a slot has its next one before the last has ended") {
  Bed bed;
  bed.wall_s = 0.015;
  bed.plan.trials = 20;
  bed.start({{"", "cpu:0", 0}});
  const auto last = [&] { return bed.hands.begun.back().trial; };
  for (std::uint32_t n = 0; n < 10; ++n) {
    CHECK_FALSE(last().after);
    bed.good(n);
  }
  REQUIRE(bed.hands.begun.size() == 12);
  CHECK(last().trial == 11);
  CHECK(last().after == 10);
  CHECK(bed.hands.begun[10].trial.after == std::nullopt);
  bed.good(10);
  CHECK(last().trial == 12);
  CHECK(last().after == 11);
  // What waits is told to end with the rest, and stays for who goes on.
  bed.coordinator->stop("told so");
  CHECK(bed.hands.signals == std::vector<std::pair<std::uint32_t, int>>{{11, SIGTERM}, {12, SIGTERM}});
  bed.end(12, SIGTERM);
  bed.end(11, SIGTERM);
  CHECK(bed.coordinator->is_over());
  CHECK(bed.count(study::State::running) == 2);
}

TEST_CASE("where trials are very short, several wait at their slot, and several ends are written at once") {
  Bed bed;
  bed.plan.trials = 1000;
  bed.wall_s = 0.001;
  bed.start({{"", "cpu:0", 0}});
  for (std::uint32_t n = 0; n < 10; ++n) bed.good(n);
  CHECK(bed.hands.begun.size() == 19);
  CHECK(bed.hands.begun.back().trial.after == 17);
  bed.good(10);
  CHECK(bed.count(study::State::complete) == 10);
  bed.pass(5ms);
  CHECK(bed.count(study::State::complete) == 11);
  CHECK(bed.hands.begun.size() == 20);
  for (std::uint32_t n = 11; n < 15; ++n) bed.good(n);
  CHECK(bed.count(study::State::complete) == 11);
  bed.good(15);
  CHECK(bed.count(study::State::complete) == 16);
  CHECK(bed.hands.begun.size() == 25);
  bed.coordinator->drain("told so");
  for (std::uint32_t n = 16; n < 25; ++n) bed.good(n);
  CHECK(bed.coordinator->is_over());
  CHECK(bed.count(study::State::complete) == 25);
}

TEST_CASE("the last trials wait behind no other") {
  Bed bed;
  bed.plan.trials = 14;
  bed.start();
  for (std::uint32_t n = 0; n < 14; ++n) {
    CHECK_FALSE(bed.hands.begun.back().trial.after);
    bed.good(n);
  }
  CHECK(bed.coordinator->is_over());
}

TEST_CASE("a slow proposal is made in a thread, and the slot waits for it only the first time") {
  test::Folder folder;
  test::ManualClock clock;
  std::atomic<int> asked = 0;
  study::Opening opening;
  opening.objectives = {{"loss", study::Direction::minimize}};
  opening.header = study::Header{.version = "1", .space = {"x=uniform:0:1"}};
  study::Study study(folder / "s.jsonl", opening, {.worker = "w"});
  const auto propose = [&](const search::Space&, const search::History&, std::uint64_t,
                           RandomStream& random) {
    ++asked;
    clock.advance(10ms);
    return std::optional(search::Proposal{{random.uniform()}, search::SamplerKind::gp});
  };
  std::mutex mutex;
  std::condition_variable changed;
  int ready = 0;
  const auto wait_for = [&](int count) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return ready == count; });
  };
  Proposer proposer(study, propose, clock, [&] {
    const std::lock_guard lock(mutex);
    ++ready;
    changed.notify_all();
  });
  CHECK(proposer.next(0, 0));  // how long it takes isn't known before
  proposer.look_ahead();
  CHECK(asked == 1);
  CHECK_FALSE(proposer.next(1, 0));
  CHECK(proposer.is_waiting());
  proposer.look_ahead();
  wait_for(1);
  CHECK(proposer.next(1, 0));
  CHECK_FALSE(proposer.is_waiting());
  CHECK(asked == 2);
}

TEST_CASE("a whole run on a disk that fails at any of its writes loses and repeats nothing") {
  constexpr std::size_t trials = 6;
  // Room for so many bytes, and then no more for a while; or the file is lost, as over NFS.
  for (const int fault : {0, 1, 40, 700, -EIO, -ESTALE}) {
    bool happened = true;
    for (std::size_t after = 1; happened; ++after) {
      INFO("fault " << fault << " at write " << after);
      Bed bed;
      bed.plan.trials = trials;
      bed.start();
      happened = false;
      const std::size_t at = bed.disk.writes + after;
      std::function<void()> look = [&] {
        bed.disk.before_write = look;
        if (bed.disk.writes != at) return;
        happened = true;
        if (fault < 0) {
          bed.disk.lose(-fault);
        } else {
          bed.disk.room = static_cast<std::size_t>(fault);
        }
      };
      bed.disk.before_write = look;
      for (std::size_t ended = 0; !bed.coordinator->is_over();) {
        REQUIRE(bed.clock.now().time_since_epoch() < 10min);
        for (; ended < bed.hands.begun.size(); ++ended) bed.good(bed.hands.begun[ended].trial.trial);
        bed.disk.room.reset();
        bed.pass(1s);
      }
      // 700 bytes may be enough.
      if (fault != 700) CHECK(bed.notes.sentences.size() == (happened && fault >= 0 ? 1 : 0));
      CHECK(bed.hands.begun.size() == trials);
      study::Replay replay("s.jsonl");
      REQUIRE(replay.apply(bed.disk.bytes) == bed.disk.bytes.size());
      CHECK(replay.notice_count() == 0);
      CHECK(replay.studies()[0].count(study::State::complete) == trials);
      for (const study::Trial& trial : replay.studies()[0].trials) CHECK(trial.attempt == 1);
    }
  }
}

TEST_CASE("a journal that was replaced ends a run") {
  Bed bed;
  bed.start();
  bed.disk.replaced = true;
  CHECK_THROWS_WITH(bed.good(0), Catch::Contains("removed or replaced"));
}
