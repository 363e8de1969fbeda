// A fault that may come at every event, and is told to people when it begins, at most once a minute while it
// lasts, and when it is over.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "base/clock.hpp"

namespace nn {

// One thread.
class LastingFault {
 public:
  static constexpr std::chrono::minutes pause{1};

  explicit LastingFault(const Clock& clock = Clock::machine()) : clock_(clock) {}

  struct Told {
    std::uint64_t times;  // that it came, those included that nothing was said about
    bool begins;          // and doesn't only last
  };

  // It came once more. What to say about it now, if anything.
  std::optional<Told> came() {
    ++times_;
    const Clock::time_point now = clock_.now();
    if (told_at_ && now - *told_at_ < pause) return std::nullopt;
    told_at_ = now;
    return Told{times_, !std::exchange(told_, true)};
  }

  // It is over. How often it came, if somebody was told of it; else what comes next goes on counting.
  std::optional<std::uint64_t> passed() {
    if (!std::exchange(told_, false)) return std::nullopt;
    return std::exchange(times_, 0);
  }

 private:
  const Clock& clock_;
  std::uint64_t times_ = 0;
  bool told_ = false;  // since it last began
  std::optional<Clock::time_point> told_at_;
};

}  // namespace nn
