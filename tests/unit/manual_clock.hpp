// A clock that stands still until a test moves it.
#pragma once

#include <list>
#include <mutex>
#include <utility>

#include "base/clock.hpp"

namespace nn::test {

class ManualClock : public Clock {
 public:
  time_point now() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  std::chrono::system_clock::time_point date() const override {
    return std::chrono::system_clock::time_point(std::chrono::seconds(1'800'000'000)) +
           std::chrono::duration_cast<std::chrono::system_clock::duration>(now().time_since_epoch());
  }
  std::unique_ptr<Alarm> alarm(time_point when, std::function<void()> ring) override {
    const std::lock_guard lock(mutex_);
    return std::make_unique<Set>(*this, alarms_.insert(alarms_.end(), {when, std::move(ring)}));
  }

  // Moves the time on, and lets everything ring on the way that was set, in its order: what an alarm
  // sets anew rings as well, where its time comes.
  void advance(duration time) {
    const time_point end = now() + time;
    for (;;) {
      std::function<void()> ring;
      {
        const std::lock_guard lock(mutex_);
        auto first = alarms_.end();
        for (auto at = alarms_.begin(); at != alarms_.end(); ++at) {
          if (at->ring && at->when <= end && (first == alarms_.end() || at->when < first->when)) first = at;
        }
        if (first == alarms_.end()) break;
        now_ = std::max(now_, first->when);
        ring = std::exchange(first->ring, nullptr);
      }
      ring();
      if (between_) between_();
    }
    const std::lock_guard lock(mutex_);
    now_ = end;
  }
  // Called after each alarm: runs what waited for it.
  void between(std::function<void()> action) { between_ = std::move(action); }

 private:
  struct Entry {
    time_point when;
    std::function<void()> ring;
  };
  struct Set : Alarm {
    Set(ManualClock& owner, std::list<Entry>::iterator entry) : clock(owner), at(entry) {}
    ~Set() override {
      const std::lock_guard lock(clock.mutex_);
      clock.alarms_.erase(at);
    }
    ManualClock& clock;
    std::list<Entry>::iterator at;
  };
  mutable std::mutex mutex_;
  time_point now_{};
  std::list<Entry> alarms_;
  std::function<void()> between_;
};

}  // namespace nn::test
