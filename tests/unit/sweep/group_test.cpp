// Trials that one process runs as its members.
#include "sweep/group.hpp"

#include <csignal>
#include <set>

#include "base/error.hpp"
#include "catch.hpp"
#include "coordinator_bed.hpp"

using namespace nn;
using namespace nn::sweep;
using namespace std::chrono_literals;

namespace {

struct GroupBed : Bed {
  explicit GroupBed(std::size_t members) {
    plan.command = Template({"train", "--members", "{members}", "{x}", "{seed}", "{dir}", "{?resume:again}"});
    plan.members = members;
    plan.shared = {false};
  }
  void one_slot() { start({{"", "cpu:0", 0}}); }
  void say(std::uint32_t process, std::int64_t member, std::int64_t step, double loss) {
    TrialReport said{process, {}};
    said.report.step = step;
    said.report.member = member;
    said.report.metrics["loss"] = loss;
    coordinator->take("", said);
  }
  void say_end(std::uint32_t process, std::int64_t member, const MemberEnd& end) {
    TrialReport said{process, {}};
    said.report.member = member;
    said.report.end = end;
    coordinator->take("", said);
  }
  const std::vector<std::string>& words(std::size_t n) const { return hands.begun[n].trial.words; }
};

std::size_t commas(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), ','));
}

}  // namespace

TEST_CASE("what no list can be made of is the same in a group") {
  const auto space =
      search::Space::parse({"lr=loguniform:1e-4:1", "layers=choice:64;64,32", "width=choice:8,16",
                            "optimizer=choice:adam,momentum", "batch=int:8:64",
                            "momentum=uniform:0:1 if optimizer=momentum", "decay=uniform:0:1 if batch<32"});
  const std::vector<bool> expected = {false, true, false, true, true, false, false};
  CHECK(shared_parameters(space, {}) == expected);
  CHECK(shared_parameters(space, {"width"})[2]);
  CHECK_THROWS_WITH(shared_parameters(space, {"widht"}), "'widht' is no parameter; did you mean width?");
}

TEST_CASE("members have their leader's values of what is shared, and the same parameters") {
  const auto space =
      search::Space::parse({"optimizer=choice:adam,momentum", "momentum=uniform:0:1 if optimizer=momentum",
                            "units=choice:1,2,3", "rate=uniform:0:1"});
  search::SamplerOptions by_chance;
  by_chance.kind = search::SamplerKind::random;
  GroupProposer group(propose_by(by_chance), shared_parameters(space, {"rate"}), false);
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    search::History history(space.size());
    RandomStream random(seed, RandomUse::propose, 0);
    group.follow(nullptr);
    const auto leader = group.propose()(space, history, 0, random);
    REQUIRE(leader);
    group.follow(&leader->point);
    std::set<double> units{leader->point[2]};
    history.add(0, search::TrialState::running, leader->point, {std::nan("")});
    for (std::uint32_t m = 1; m < 4; ++m) {
      const auto member = group.propose()(space, history, m, random);
      if (std::isnan(leader->point[1]) && m == 3) {  // all three are there: nothing else differs
        CHECK_FALSE(member);
        continue;
      }
      REQUIRE(member);
      CHECK(member->point[0] == leader->point[0]);
      CHECK(member->point[3] == leader->point[3]);
      CHECK(std::isnan(member->point[1]) == std::isnan(leader->point[1]));
      CHECK(space.contains(member->point));
      if (std::isnan(leader->point[1])) CHECK(units.insert(member->point[2]).second);
      history.add(m, search::TrialState::running, member->point, {std::nan("")});
    }
  }
}

TEST_CASE("a process has the values of several trials, each of which ends for itself") {
  GroupBed bed(3);
  bed.one_slot();
  REQUIRE(bed.hands.begun.size() == 1);
  CHECK(bed.words(0)[2] == "3");
  CHECK(commas(bed.words(0)[3]) == 2);
  CHECK(commas(bed.words(0)[4]) == 2);
  CHECK(bed.words(0).size() == 6);
  CHECK(bed.hands.begun[0].trial.control == "");
  bed.say(0, 1, 1, 0.5);
  bed.say(0, 2, 1, 0.25);
  bed.say(0, 3, 1, 0.75);
  bed.say(0, 4, 1, 0);  // nobody
  bed.say_end(0, 1, {true, ""});
  bed.say_end(0, 3, {false, "the loss is not a number"});
  TrialEnded over;
  over.status = 1 << 8;
  over.wall_s = 3;
  bed.end(std::move(over));
  CHECK(bed.trial(0).state == study::State::complete);
  CHECK(bed.trial(0).values == std::vector<double>{0.5});
  CHECK(bed.trial(0).ending.wall_s == 1);
  CHECK(bed.trial(1).state == study::State::failed);  // it said nothing, and so the status counts
  CHECK(bed.trial(2).ending.reason == "it ended with exit status 1; the loss is not a number");
  CHECK(group_members(bed.study->log(), 0) == std::vector<std::uint32_t>{0, 1, 2});
  CHECK(folder_of("d", bed.trial(2)) == "d/trial-00000");
  CHECK(bed.notes.sentences.size() == 1);
  // Three are left, since two failed; the quota is four.
  REQUIRE(bed.hands.begun.size() == 2);
  CHECK(bed.words(1)[2] == "3");
}

TEST_CASE("the last trials are spread over the slots that are free, and one alone is no list") {
  GroupBed bed(3);
  bed.start();
  REQUIRE(bed.hands.begun.size() == 2);
  CHECK(bed.words(0)[2] == "2");
  CHECK(bed.words(1)[2] == "2");
  GroupBed small(4);
  small.plan.trials = 1;
  small.start();
  REQUIRE(small.hands.begun.size() == 1);
  CHECK(small.words(0)[2] == "1");
  small.good(0);  // it says no member
  CHECK(small.trial(0).state == study::State::complete);
  CHECK(small.coordinator->is_over());
}

TEST_CASE("a group begins again as it was, and who has ended is told to stop") {
  GroupBed bed(3);
  bed.plan.trials = 3;
  bed.one_slot();
  const auto before = bed.words(0);
  bed.say(0, 2, 1, 0.25);
  bed.say_end(0, 2, {true, ""});
  bed.end(0, exit_unavailable << 8);
  CHECK(bed.trial(1).state == study::State::complete);
  CHECK(bed.count(study::State::running) == 2);
  bed.pass(2s);
  REQUIRE(bed.hands.begun.size() == 2);
  auto again = bed.words(1);
  CHECK(again.back() == "again");
  again.pop_back();
  CHECK(again == before);
  CHECK(bed.hands.begun[1].trial.control == "stop 2");
  CHECK(bed.trial(0).attempt == 2);
  bed.say(0, 1, 1, 0.5);
  bed.say(0, 2, 1, 0.1);  // it has ended
  bed.say(0, 3, 1, 0.75);
  bed.end(0);
  CHECK(bed.trial(1).values == std::vector<double>{0.25});
  CHECK(bed.trial(2).values == std::vector<double>{0.75});
  CHECK(bed.coordinator->is_over());
}

TEST_CASE("a host that is lost has its group begun elsewhere") {
  GroupBed bed(2);
  bed.plan.trials = 2;
  bed.start({{"h1", "cpu:0", 0}});
  CHECK(bed.coordinator->host_lost("h1", "gone") == 2);
  bed.coordinator->host_is_clear("h1");
  bed.coordinator->add_slots({{"h2", "cpu:0", 0}});
  bed.coordinator->work();
  REQUIRE(bed.hands.begun.size() == 2);
  CHECK(bed.hands.begun[1].host == "h2");
  CHECK(bed.words(1)[2] == "2");
  CHECK(bed.hands.begun[1].trial.control == "");
}

TEST_CASE("a pruner stops one member, and the process when all are") {
  GroupBed bed(2);
  bed.plan.trials = 100;
  bed.plan.pruner = search::PrunerSpec::parse("threshold:0:1");
  bed.plan.pruner.settle();
  bed.one_slot();
  bed.say(0, 2, 1, 5);
  bed.pass(1s);
  CHECK(bed.hands.told == std::vector<std::pair<std::uint32_t, std::string>>{{0, "stop 2"}});
  CHECK(bed.hands.signals.empty());
  bed.say(0, 2, 2, 0.5);  // it no longer counts
  bed.say(0, 1, 1, 7);
  bed.pass(1s);
  CHECK(bed.hands.signals == std::vector<std::pair<std::uint32_t, int>>{{0, SIGTERM}});
  bed.pass(11s);
  CHECK(bed.hands.signals.back() == std::pair<std::uint32_t, int>{0, SIGKILL});
  bed.end(0, SIGKILL);
  CHECK(bed.trial(0).state == study::State::pruned);
  CHECK(bed.trial(1).state == study::State::pruned);
  CHECK(bed.trial(1).values == std::vector<double>{5});
}

TEST_CASE("a run that is told to end leaves its groups to the next one") {
  GroupBed bed(2);
  bed.one_slot();
  bed.coordinator->stop("told");
  CHECK(bed.hands.signals.size() == 1);
  bed.end(0, SIGTERM);
  CHECK(bed.coordinator->is_over());
  CHECK(bed.count(study::State::running) == 2);
}

TEST_CASE("what stands in a journal of groups is checked") {
  GroupBed bed(2);
  bed.one_slot();
  const std::string texts[] = {"null",
                               "7",
                               R"({"first":9,"member":1})",
                               R"({"first":0,"member":0,"trials":[0,1]})",
                               R"({"first":0,"member":1,"trials":[0,0]})",
                               R"({"first":0,"member":1,"trials":[0,7]})",
                               R"({"first":0,"member":1,"trials":[[[[[0]]]]]})"};
  for (const std::string& text : texts) {
    bed.study->commit(study::Durable::no, [&](study::Change& change) {
      change.attribute({0, 1}, true, "nn.group", text);
    });
    CHECK(group_members(bed.study->log(), 0).empty());
  }
}
