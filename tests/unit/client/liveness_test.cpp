#include "client/liveness.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "catch.hpp"

using nn::Clock;
using nn::client::Liveness;
using namespace std::chrono_literals;

namespace {

// Looks every second; the other side answers `delay` after each question, or never, and says something by
// itself every `chatter`, or never.
struct Run {
  int questions = 0;
  std::optional<int> gave_up;  // after so many seconds

  Run(int seconds, std::optional<int> delay, std::optional<int> chatter) {
    const Clock::time_point start{};
    Liveness liveness(start);
    Clock::time_point heard = start - 1s;
    std::vector<int> answers;
    for (int s = 1; s <= seconds && !gave_up; ++s) {
      if (chatter && s % *chatter == 0) heard = start + std::chrono::seconds(s);
      for (const int at : answers) {
        if (at <= s) heard = std::max(heard, start + std::chrono::seconds(at));
      }
      switch (liveness.look(start + std::chrono::seconds(s), heard)) {
        case Liveness::Step::wait: break;
        case Liveness::Step::ask:
          ++questions;
          if (delay) answers.push_back(s + *delay);
          break;
        case Liveness::Step::give_up: gave_up = s;
      }
    }
  }
};

}  // namespace

TEST_CASE("the other side is asked by the clock, however much it says by itself") {
  CHECK(Run(60, 0, std::nullopt).questions == 12);
  CHECK(Run(60, 0, 1).questions == 12);
}

TEST_CASE("a side that answers is never given up, however late") {
  CHECK_FALSE(Run(3600, 19, std::nullopt).gave_up);
  CHECK_FALSE(Run(3600, 0, std::nullopt).gave_up);
  // Signs of life count though no question is answered.
  CHECK_FALSE(Run(3600, std::nullopt, 10).gave_up);
}

TEST_CASE("silence after a question ends the patience") {
  CHECK(Run(60, std::nullopt, std::nullopt).gave_up == 25);
  CHECK(Run(60, 30, std::nullopt).gave_up == 25);
}

TEST_CASE("a process that was stopped gives the other side its time anew") {
  const Clock::time_point start{};
  Liveness liveness(start);
  CHECK(liveness.look(start + 5s, start) == Liveness::Step::ask);
  CHECK(liveness.look(start + 1h, start) == Liveness::Step::ask);
  CHECK(liveness.look(start + 1h + 1s, start) == Liveness::Step::wait);
  int seconds = 1;
  while (liveness.look(start + 1h + std::chrono::seconds(++seconds), start) != Liveness::Step::give_up) {
  }
  CHECK(seconds == 20);
}
