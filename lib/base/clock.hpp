// Time as something that is handed over, so that tests put their own in its place and don't wait.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

namespace nn {

// Thread-safe.
class Clock {
 public:
  using duration = std::chrono::steady_clock::duration;
  using time_point = std::chrono::steady_clock::time_point;

  virtual ~Clock() = default;
  // The time since some start, which only goes forward.
  virtual time_point now() const = 0;
  // The calendar's time, which people may set.
  virtual std::chrono::system_clock::time_point date() const = 0;

  // Rings once, in whichever thread moves the clock, unless it is destroyed before.
  class Alarm {
   public:
    virtual ~Alarm() = default;
  };
  // Null from the machine's clock: whoever waits has better means of its own (see net/timer.hpp).
  virtual std::unique_ptr<Alarm> alarm(time_point when, std::function<void()> ring) = 0;

  // The machine's.
  static Clock& machine();
};

}  // namespace nn
