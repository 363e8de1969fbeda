// The service manager's watchdog: it hears that all is well while each thread of the process gets on with its
// work. For this module only.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace nn::serve {

// The interval in which systemd wants to hear of this process (WATCHDOG_USEC, WATCHDOG_PID); 0: never.
std::chrono::microseconds watchdog_interval();

// A thread of its own, so that it can still say which of the others is stuck.
class Watchdog {
 public:
  // Threads that run events come by when they are called, the first of them by itself, and others by it; of
  // one that computes or loads it is asked what it has done for too long, if anything. Any thread's.
  struct Visited {
    std::string name;
    std::function<void(std::function<void()> come)> call;
  };
  using Worker = std::function<std::optional<std::string>()>;
  struct Hooks {
    std::function<void()> well;                     // called some times in each interval, unless one is stuck
    std::function<void(const std::string&)> stuck;  // what is wrong, once for each
  };

  Watchdog(std::chrono::microseconds interval, std::vector<Visited> visited, std::vector<Worker> workers,
           Hooks hooks);
  ~Watchdog();
  void start();

  // One round, which start() has made three times in each interval.
  void look(Clock::time_point now);

 private:
  struct Visit {
    std::shared_ptr<std::atomic<bool>> come;  // since it was called
    Clock::time_point called;
  };
  void run();

  const std::chrono::microseconds interval_;
  const std::vector<Visited> visited_;
  const std::vector<Worker> workers_;
  const Hooks hooks_;
  std::vector<Visit> visits_;
  std::set<std::string> told_;  // of threads, while they are stuck
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace nn::serve
