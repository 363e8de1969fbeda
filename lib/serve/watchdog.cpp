#include "serve/watchdog.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/numbers.hpp"

namespace nn::serve {
namespace {

constexpr int rounds = 3;  // in an interval

}  // namespace

std::chrono::microseconds watchdog_interval() {
  const char* time = std::getenv("WATCHDOG_USEC");
  const char* pid = std::getenv("WATCHDOG_PID");
  if (time == nullptr || (pid != nullptr && std::to_string(::getpid()) != pid)) return {};
  const auto us = find_integer(time);
  return std::chrono::microseconds(us && *us > 0 ? *us : 0);
}

Watchdog::Watchdog(std::chrono::microseconds interval, std::vector<Visited> visited,
                   std::vector<Worker> workers, Hooks hooks)
    : interval_(interval),
      visited_(std::move(visited)),
      workers_(std::move(workers)),
      hooks_(std::move(hooks)),
      visits_(visited_.size()) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Watchdog::start() {
  thread_ = std::thread([this] { run(); });
}

void Watchdog::run() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    lock.unlock();
    look(Clock::machine().now());
    lock.lock();
    changed_.wait_for(lock, interval_ / rounds, [&] { return stopped_; });
  }
}

// A thread that is late misses a round or two; the manager gives up after three.
void Watchdog::look(Clock::time_point now) {
  bool late = false;
  std::set<std::string> stuck;
  for (std::size_t i = 0; i < visited_.size(); ++i) {
    Visit& visit = visits_[i];
    if (visit.come && !visit.come->load()) {
      // Where the first is late, nobody knows of the others.
      const bool judged = i == 0 || !late;
      late = true;
      if (const auto time = now - visit.called; judged && time >= interval_ / 2)
        stuck.insert(fmt::format("{} hasn't come by for a while", visited_[i].name));
      continue;
    }
    visit = {std::make_shared<std::atomic<bool>>(false), now};
    visited_[i].call([come = visit.come] { come->store(true); });
  }
  for (const Worker& worker : workers_) {
    if (auto what = worker()) {
      late = true;
      stuck.insert(std::move(*what));
    }
  }
  if (!late) hooks_.well();
  for (const std::string& what : stuck) {
    if (!told_.contains(what)) hooks_.stuck(what);
  }
  told_ = std::move(stuck);
}

}  // namespace nn::serve
