#include "serve/watchdog.hpp"

#include "catch.hpp"

using namespace nn;
using namespace nn::serve;
using namespace std::chrono_literals;

namespace {

struct Fixture {
  std::vector<std::function<void()>> waiting;  // of the visited thread
  std::optional<std::string> stuck_in;
  int well = 0;
  std::vector<std::string> told;
  Clock::time_point now{1000s};
  Watchdog watchdog{
      9s,
      {{"the main thread", [this](std::function<void()> come) { waiting.push_back(std::move(come)); }}},
      {[this] { return stuck_in; }},
      {.well = [this] { ++well; }, .stuck = [this](const auto& what) { told.push_back(what); }}};
  void come() {
    for (const auto& one : std::exchange(waiting, {})) one();
  }
  void round() {
    now += 3s;
    watchdog.look(now);
  }
};

}  // namespace

TEST_CASE("the manager hears that all is well while threads come by", "[watchdog]") {
  Fixture f;
  for (int i = 1; i <= 3; ++i) {
    f.round();
    CHECK(f.well == i);
    f.come();
  }
  CHECK(f.told.empty());
}

TEST_CASE("a thread that doesn't come by is named once, before the manager gives up", "[watchdog]") {
  Fixture f;
  f.round();
  f.round();
  CHECK(f.told.empty());
  f.round();
  CHECK(f.told == std::vector<std::string>{"the main thread hasn't come by for a while"});
  f.round();
  CHECK(f.told.size() == 1);
  CHECK(f.well == 1);
  CHECK(f.waiting.size() == 1);
  f.come();
  f.round();
  CHECK(f.well == 2);
}

TEST_CASE("a thread that is stuck in its work is named once", "[watchdog]") {
  Fixture f;
  f.round();
  f.come();
  f.stuck_in = "cpu:0 has computed 3 rows for more than 60 s";
  f.round();
  f.come();
  f.round();
  CHECK(f.told == std::vector<std::string>{*f.stuck_in});
  CHECK(f.well == 1);
  f.come();
  f.stuck_in.reset();
  f.round();
  CHECK(f.well == 2);
}
