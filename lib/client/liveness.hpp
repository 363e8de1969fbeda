// Is the other side still there? It is asked by the clock, whatever it says by itself, so that it knows as
// well that we are: a worker that computes for long says nothing, and neither does a client whose input
// pauses.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.hpp"

namespace nn::client {

struct LivenessTimes {
  std::chrono::milliseconds ask_after{5000}, give_up_after{20'000};
};

// A value; it neither waits nor sends.
class Liveness {
 public:
  explicit Liveness(Clock::time_point now, LivenessTimes times = {})
      : times_(times), asked_(now), looked_(now) {}

  enum class Step : std::uint8_t { wait, ask, give_up };
  // To be called several times within `ask_after`, with when bytes came last. After `ask` a question is to be
  // sent.
  Step look(Clock::time_point now, Clock::time_point last_received) {
    // Whoever was stopped for a while has not listened either.
    const bool was_away = now - looked_ > times_.ask_after;
    looked_ = now;
    if (last_received >= unanswered_) waits_ = false;
    if (was_away) unanswered_ = now;
    if (waits_ && now - unanswered_ >= times_.give_up_after) return Step::give_up;
    if (now - asked_ < times_.ask_after) return Step::wait;
    asked_ = now;
    if (!waits_) unanswered_ = now;
    waits_ = true;
    return Step::ask;
  }

 private:
  LivenessTimes times_;
  Clock::time_point asked_, looked_;
  Clock::time_point unanswered_{};  // the first question that nothing came after
  bool waits_ = false;              // there is one
};

}  // namespace nn::client
