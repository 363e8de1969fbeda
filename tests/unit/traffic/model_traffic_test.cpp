#include "traffic/model_traffic.hpp"

#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <functional>
#include <set>
#include <thread>

#include "../model/models.hpp"
#include "catch.hpp"
#include "repository/history.hpp"
#include "repository/labels.hpp"
#include "repository/publish.hpp"
#include "repository/repository.hpp"
#include "repository/standing.hpp"
#include "repository/wants.hpp"

using namespace nn;
using namespace nn::traffic;
namespace fs = std::filesystem;

namespace {

constexpr char judged[] = R"([canary]
auto = true
steps = [10, 100]
min_requests = 100
min_time = "1s"
max_error_increase = 0.1
)";

// A repository, and a server of it whose clock stands still.
struct Fixture {
  test::Scratch scratch;
  std::string base = scratch / "iris";
  double now_s = 100;
  std::vector<std::string> lines, faults, recalled;
  std::optional<ModelTraffic> traffic;
  std::shared_ptr<Recorder> recorder;
  TrafficPlan given;
  std::function<std::optional<Error>(const Target&)> absence = {};

  Fixture() { fs::create_directories(base); }
  void plan(const std::string& text) {
    fs::remove(base + "/traffic.toml");
    std::ofstream(base + "/traffic.toml") << text;
  }
  void publish() {
    model::Model model = test::class_model();
    test::fill_parameters(model);
    model::save_model(scratch / "m.nn", model);
    repository::publish_model(scratch / "m.nn", base, {}, repository::Fit::required);
  }
  void start() {
    ModelTraffic::Hooks hooks;
    hooks.decided = [this](const Decision&, const std::string& line, const std::string&) {
      lines.push_back(line);
    };
    hooks.fault = [this](const Error& error) { faults.emplace_back(error.what()); };
    hooks.recalled = [this](const std::string& line) { recalled.push_back(line); };
    traffic.emplace("iris", base, given, hooks);
    recorder = traffic->recorders().make();
  }
  Served served() const {
    Served out;
    for (const auto& found : repository::find_versions(repository::parse_repository_spec(base)))
      out.available.insert(found.version);
    out.labels = repository::read_labels(base).versions;
    out.absence = absence;
    return out;
  }
  // A trial of version 2, in its first step.
  void begin_trial() {
    plan(judged);
    publish();
    start();
    look();
    publish();
    look();
    REQUIRE(arms() == "stable=90,canary=10");
  }
  void remove_version(int version) { fs::remove_all(fmt::format("{}/{}", base, version)); }
  std::string history() const { return repository::read_history(base); }
  void set_history(const std::string& text) const {
    std::ofstream(base + "/history.jsonl", std::ios::trunc) << text;
  }
  void look() {
    now_s += 1;
    traffic->look(served(), now_s, 1e9 + now_s);
  }
  // As many requests of both.
  void requests(int count, bool canary_fails = false) {
    const auto epoch = traffic->routes()->epoch;
    for (int i = 0; i < count; ++i) {
      recorder->canary(epoch, canary_fails, false, 1000);
      recorder->control(epoch, false, false, 1000);
    }
  }
  std::string arms() const {
    std::string out;
    const auto routes = traffic->routes();
    for (std::size_t i = 0; i < routes->names.size(); ++i)
      out += fmt::format("{}{}={:.0f}", i == 0 ? "" : ",", routes->names[i], 100 * routes->router.share(i));
    return out;
  }
  std::string labels() const {
    std::string out;
    for (const auto& [name, version] : repository::read_labels(base).versions)
      out += fmt::format("{}{}={}", out.empty() ? "" : ",", name, version);
    return out;
  }
};

}  // namespace

TEST_CASE("a new version is tried and promoted, and the one before stays at hand") {
  Fixture f;
  f.plan(judged);
  f.publish();
  f.start();
  f.look();
  CHECK(f.arms() == "stable=100");
  CHECK(f.labels() == "stable=1");
  f.publish();
  f.look();
  CHECK(f.arms() == "stable=90,canary=10");
  CHECK(f.labels() == "canary=2,stable=1");
  CHECK(f.traffic->routes()->judged);
  CHECK(to_text(f.traffic->routes()->router.arms()[1].target) == "version:2");
  f.requests(1000);
  f.look();
  CHECK(f.labels() == "previous=1,stable=2");
  CHECK(f.arms() == "stable=100");
  CHECK_FALSE(f.traffic->routes()->judged);
  CHECK(f.lines.size() == 2);
  f.look();
  CHECK(f.lines.size() == 2);
  CHECK(f.traffic->figures().verdicts.at("promote") == 1);
  // And back by hand.
  CHECK(repository::roll_back(f.base, {}).to == 1);
  CHECK(f.labels() == "stable=1");
  f.look();
  CHECK(f.arms() == "stable=100");  // it isn't tried again
}

TEST_CASE("a version that fails is bad from then on") {
  Fixture f;
  f.plan(judged);
  f.publish();
  f.publish();
  f.start();
  f.look();
  // Both were there at the start: the newest is the stable one.
  CHECK(f.labels() == "stable=2");
  f.publish();
  f.look();
  f.requests(5, true);
  f.look();
  CHECK(f.arms() == "stable=100");
  CHECK(f.labels() == "stable=2");
  CHECK(repository::read_standing(f.base).bad == std::set<std::uint64_t>{3});
  f.look();
  CHECK(f.arms() == "stable=100");
  f.publish();
  f.look();
  CHECK(f.labels() == "canary=4,stable=2");
  CHECK(f.faults.empty());
}

TEST_CASE("a restart in the middle goes on, and requests of an old step don't count") {
  Fixture f;
  f.plan(judged);
  f.publish();
  f.start();
  f.look();
  f.publish();
  f.look();
  const auto before = f.traffic->routes()->epoch;
  f.requests(60);
  f.look();
  f.requests(20);
  f.traffic->close(f.now_s, 0);
  f.now_s = 1;
  f.start();
  f.look();
  CHECK(f.arms() == "stable=90,canary=10");
  REQUIRE(f.traffic->figures().trial);
  CHECK(f.traffic->figures().trial->evidence.canary_requests == 80);
  f.recorder->canary(before + 100, true, false, 1);
  f.requests(1000);
  f.look();
  CHECK(f.labels() == "previous=1,stable=2");
}

TEST_CASE("a server that starts says what was decided last") {
  Fixture f;
  f.begin_trial();
  f.requests(5, true);
  f.look();
  CHECK(f.recalled.empty());
  f.start();
  f.look();
  REQUIRE(f.recalled.size() == 1);
  CHECK(f.recalled[0] == f.lines.back());
  CHECK_THAT(f.recalled[0], Catch::Contains("\"rollback\""));
  CHECK(f.traffic->figures().last_decision == f.recalled[0]);
  f.look();
  CHECK(f.recalled.size() == 1);
}

TEST_CASE("of several servers of a repository each judges by what it sees, and an end is one for all") {
  Fixture f, g;
  g.base = f.base;
  f.plan(judged);
  f.publish();
  f.start();
  g.start();
  f.look();
  g.look();
  f.publish();
  f.look();
  g.look();
  // The trial is the same: who comes second goes on with it.
  CHECK(f.arms() == "stable=90,canary=10");
  CHECK(g.arms() == "stable=90,canary=10");
  CHECK(f.lines.size() == 1);
  CHECK(g.lines.empty());
  g.requests(50);
  g.look();
  SECTION("it fails at one of them") {
    f.requests(5, true);
    f.look();
    g.look();
    CHECK(f.labels() == "stable=1");
    CHECK(repository::read_standing(f.base).bad == std::set<std::uint64_t>{2});
  }
  SECTION("one of them has seen enough") {
    f.requests(1000);
    f.look();
    g.look();
    CHECK(f.labels() == "previous=1,stable=2");
  }
  CHECK(g.arms() == "stable=100");
  CHECK(g.lines.empty());
  REQUIRE(g.recalled.size() == 1);
  CHECK(g.recalled[0] == f.lines.back());
  const std::string history = f.history();
  g.look();
  f.look();
  CHECK(f.history() == history);
  CHECK(f.recalled.empty());
  CHECK(f.faults.empty());
  CHECK(g.faults.empty());
}

TEST_CASE("people hold, resume, promote and roll back") {
  Fixture f;
  f.plan(judged);
  f.publish();
  f.start();
  f.look();
  f.publish();
  f.look();
  decide_by_hand(f.base, Verdict::hold, 0);
  f.look();
  CHECK(f.traffic->figures().trial->held);
  f.requests(1000);
  f.look();
  CHECK(f.arms() == "stable=90,canary=10");
  decide_by_hand(f.base, Verdict::resume, 0);
  f.look();
  CHECK_FALSE(f.traffic->figures().trial->held);
  CHECK(f.traffic->figures().trial->evidence.canary_requests == 0);
  SECTION("promote") {
    CHECK(decide_by_hand(f.base, Verdict::promote, 0) == 2);
    CHECK(f.labels() == "previous=1,stable=2");
    f.look();
    CHECK(f.arms() == "stable=100");
  }
  SECTION("rollback") {
    decide_by_hand(f.base, Verdict::rollback, 0);
    CHECK(f.labels() == "stable=1");
    f.look();
    CHECK(f.arms() == "stable=100");
    CHECK_THROWS_AS(decide_by_hand(f.base, Verdict::promote, 0), Error);
  }
  SECTION("by moving the label") {
    repository::set_labels(f.base, {{"stable", 2}});
    f.look();
    CHECK(f.arms() == "stable=100");
    CHECK(f.lines.back().find("\"promote\"") != std::string::npos);
  }
}

TEST_CASE("a plan that is changed is taken, and one that is wrong is told once") {
  Fixture f;
  f.publish();
  f.given.arms = parse_split("m:stable=50,canary=50").second;
  f.start();
  f.look();
  CHECK(f.arms() == "stable=50,canary=50");
  const auto epoch = f.traffic->routes()->epoch;
  f.look();
  CHECK(f.traffic->routes()->epoch == epoch);
  f.plan("sticky = \"id\"\n[split]\nstable = 95\n\"version:1\" = 5\n");
  f.look();
  CHECK(f.arms() == "stable=95,version:1=5");
  CHECK(f.traffic->routes()->key.from == Key::From::id);
  f.plan("sticky = 7");
  f.look();
  f.look();
  CHECK(f.arms() == "stable=95,version:1=5");
  REQUIRE(f.faults.size() == 1);
  CHECK(f.faults[0].find("traffic.toml:1: sticky") != std::string::npos);
  fs::remove(f.base + "/traffic.toml");
  f.look();
  CHECK(f.arms() == "stable=50,canary=50");
  CHECK_FALSE(f.traffic->figures().fault);
}

TEST_CASE("a repository that can't be written keeps nobody at the bad version") {
  Fixture f;
  f.plan(judged);
  f.publish();
  f.start();
  f.look();
  f.publish();
  f.look();
  // A folder in the history's place.
  fs::rename(f.base + "/history.jsonl", f.base + "/aside");
  fs::create_directory(f.base + "/history.jsonl");
  f.requests(5, true);
  f.look();
  CHECK(f.arms() == "stable=100");
  CHECK_FALSE(f.faults.empty());
  const auto faults = f.faults.size();
  f.look();
  CHECK(f.faults.size() == faults);
  fs::remove(f.base + "/history.jsonl");
  fs::rename(f.base + "/aside", f.base + "/history.jsonl");
  f.look();
  CHECK(repository::read_standing(f.base).bad == std::set<std::uint64_t>{2});
  CHECK(f.labels() == "stable=1");
}

TEST_CASE("observations of several threads are those of one") {
  Recorders recorders;
  recorders.begin(1);
  constexpr int threads = 4, each = 5000;
  std::vector<std::thread> running;
  for (int t = 0; t < threads; ++t) {
    running.emplace_back([&] {
      const auto recorder = recorders.make();
      for (int i = 0; i < each; ++i) {
        recorder->canary(1, i % 10 == 0, false, 100);
        recorder->control(0, false, false, 100);  // of another step
      }
    });
  }
  std::uint64_t requests = 0, errors = 0;
  const auto take = [&] {
    const Observations seen = recorders.take();
    requests += seen.canary.requests;
    errors += seen.canary.errors;
    CHECK(seen.control.requests == 0);
  };
  for (int i = 0; i < 100; ++i) take();
  for (std::thread& thread : running) thread.join();
  take();
  CHECK(requests == threads * each);
  CHECK(errors == threads * each / 10);
}

TEST_CASE("failures in a row are in a row only where no thread had an answer between") {
  Recorders recorders;
  const auto a = recorders.make(), b = recorders.make();
  for (int i = 0; i < 5; ++i) a->canary(0, true, false, 0);
  b->canary(0, false, false, 1);
  CHECK(recorders.take().canary.error_run == 0);
  for (int i = 0; i < 3; ++i) a->canary(0, true, false, 0);
  for (int i = 0; i < 2; ++i) b->canary(0, true, false, 0);
  CHECK(recorders.take().canary.error_run == 5);
}

TEST_CASE("rules that change count for the trial that is under way") {
  Fixture f;
  f.plan(judged);
  f.publish();
  f.start();
  f.look();
  f.publish();
  f.look();
  f.requests(60);
  f.look();
  std::string slower = judged;
  slower.replace(slower.find("10, 100"), 7, "10, 50, 100");
  f.plan(slower);
  f.look();
  REQUIRE(f.traffic->figures().trial);
  CHECK(f.traffic->figures().trial->evidence.canary_requests == 60);
  f.requests(1000);
  f.look();
  CHECK(f.arms() == "stable=50,canary=50");
  f.plan("");
  f.look();
  CHECK(f.arms() == "stable=100");
  CHECK(f.faults.empty());
}

TEST_CASE("a version that is removed while it is tried is given to nobody any more") {
  Fixture f;
  f.begin_trial();
  f.requests(60);
  SECTION("while the server runs") { f.remove_version(2); }
  SECTION("while none does") {
    f.traffic->close(f.now_s, 0);
    f.remove_version(2);
    f.start();
  }
  f.look();
  CHECK(f.arms() == "stable=100");
  CHECK(f.labels() == "stable=1");
  CHECK(f.lines.back().find("it isn't in the repository any more") != std::string::npos);
  f.publish();
  f.look();
  CHECK(f.labels() == "canary=3,stable=1");
  CHECK(f.faults.empty());
}

TEST_CASE("without what it is compared with a trial waits for somebody") {
  Fixture f;
  f.begin_trial();
  f.remove_version(1);
  f.look();
  f.requests(1000);
  f.look();
  REQUIRE(f.traffic->figures().trial);
  CHECK(f.traffic->figures().trial->held);
  CHECK(f.lines.back().find("version 1, which it is compared with") != std::string::npos);
  decide_by_hand(f.base, Verdict::promote, 0);
  f.look();
  CHECK(f.labels() == "stable=2");
  CHECK(f.arms() == "stable=100");
}

TEST_CASE("a server that is killed between a decision's line and its labels has lost nothing") {
  Fixture f;
  f.begin_trial();
  SECTION("it began a trial") {
    repository::remove_label(f.base, "canary");
    f.start();
    f.look();
    CHECK(f.labels() == "canary=2,stable=1");
    CHECK(f.arms() == "stable=90,canary=10");
  }
  const std::string tried = f.history();
  SECTION("it promoted") {
    f.requests(1000);
    f.look();
    REQUIRE(f.labels() == "previous=1,stable=2");
    f.set_history(tried);  // labels move first
    repository::set_labels(f.base, {{"canary", 2}});
    f.start();
    f.look();
    CHECK(f.labels() == "previous=1,stable=2");
    CHECK(f.arms() == "stable=100");
    CHECK(f.history().find("\"promote\"") != std::string::npos);
  }
  SECTION("it rolled back") {
    repository::remove_label(f.base, "canary");
    f.start();
    f.look();
    CHECK(f.labels() == "canary=2,stable=1");
    f.requests(5, true);
    f.look();
    CHECK(f.labels() == "stable=1");
    CHECK(repository::read_standing(f.base).bad == std::set<std::uint64_t>{2});
  }
  CHECK(f.faults.empty());
}

TEST_CASE(
    "what a promotion does comes to the same however often it is done, and wherever it was interrupted") {
  Fixture f;
  f.begin_trial();
  const std::string line = R"({"version":2,"verdict":"promote"})";
  // Its labels move, its history can't be written.
  fs::rename(f.base + "/history.jsonl", f.base + "/aside");
  fs::create_directory(f.base + "/history.jsonl");
  CHECK_THROWS_AS(repository::promote(f.base, 2, line), Error);
  fs::remove(f.base + "/history.jsonl");
  fs::rename(f.base + "/aside", f.base + "/history.jsonl");
  repository::promote(f.base, 2, line);
  repository::promote(f.base, 2, line);
  CHECK(f.labels() == "previous=1,stable=2");
}

TEST_CASE("a plan that is half written when the server starts costs no trial") {
  Fixture f;
  f.begin_trial();
  f.requests(60);
  f.traffic->close(f.now_s, 0);
  f.plan("[canary]\nauto = tr");
  f.start();
  f.look();
  CHECK(f.faults.size() == 1);
  CHECK(f.arms() == "stable=100");
  f.plan(judged);
  f.look();
  CHECK(f.arms() == "stable=90,canary=10");
  REQUIRE(f.traffic->figures().trial);
  CHECK(f.traffic->figures().trial->evidence.canary_requests == 60);
  CHECK_FALSE(f.traffic->figures().fault);
}

TEST_CASE("a history of another model, half a line, and a date that goes back") {
  Fixture f;
  f.plan(judged);
  f.publish();
  SECTION("another model's trial") {
    f.set_history(R"({"time":9e9,"model":"forest","version":9,"control":8,"verdict":"begin"})"
                  "\n"
                  R"({"time":9e9,"model":"forest","version":9,"control":8,"verdict":"advance","to":50})"
                  "\n");
    f.start();
    f.look();
    CHECK(f.arms() == "stable=100");
    f.look();
    CHECK(f.labels() == "stable=1");
    f.publish();  // above all that the history names
    f.look();
    CHECK(f.labels() == "canary=10,stable=1");
  }
  SECTION("a line that was cut off") {
    f.start();
    f.look();
    f.publish();
    f.look();
    f.requests(60);
    f.look();
    const std::string whole = f.history();
    f.set_history(whole.substr(0, whole.size() - 40));
    f.start();
    f.look();
    CHECK(f.arms() == "stable=90,canary=10");
    f.requests(1000);
    f.look();
    CHECK(f.labels() == "previous=1,stable=2");
  }
  SECTION("the date") {
    f.start();
    f.look();
    f.publish();
    f.traffic->look(f.served(), f.now_s += 1, 2e9);
    f.requests(60);
    f.traffic->close(f.now_s, 1e9);
    f.now_s = 0;  // and the clock that only goes forward begins anew
    f.start();
    f.traffic->look(f.served(), f.now_s += 1, 5e8);
    CHECK(f.arms() == "stable=90,canary=10");
    CHECK(f.traffic->figures().trial->evidence.canary_requests == 60);
    f.requests(1000);
    f.traffic->look(f.served(), f.now_s += 1, 4e8);
    CHECK(f.labels() == "previous=1,stable=2");
  }
  CHECK(f.faults.empty());
}

TEST_CASE("an arm that isn't there is told when it has lasted, and again when it comes to it again") {
  Fixture f;
  std::set<std::string> gone{"canary"};
  f.absence = [&](const Target& target) -> std::optional<Error> {
    if (!gone.contains(to_text(target))) return std::nullopt;
    return data_error("no label '{}'", to_text(target));
  };
  f.publish();
  f.given.arms = parse_split("m:stable=50,canary=50,other=0").second;
  f.given.shadow = parse_shadow("version:1=5%");
  f.start();
  f.look();
  REQUIRE(f.faults.size() == 1);  // at a start nothing is about to come
  CHECK(f.faults[0] == "the arm 'canary' isn't there: no label 'canary'; its requests get another");
  CHECK(f.traffic->figures().fault);
  for (int i = 0; i < 5; ++i) f.look();
  CHECK(f.faults.size() == 1);
  gone.clear();
  f.look();
  CHECK_FALSE(f.traffic->figures().fault);
  gone = {"other", "version:1"};  // the first is nobody's
  f.look();
  CHECK(f.faults.size() == 1);
  for (int i = 0; i < 3; ++i) f.look();
  REQUIRE(f.faults.size() == 2);
  CHECK(f.faults[1] == "the arm 'version:1' isn't there: no label 'version:1'; nothing is compared with it");
}
