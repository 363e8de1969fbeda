#include "serve/upkeep.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>
#include <string>

#include "base/log.hpp"
#include "base/numbers.hpp"
#include "process/notify.hpp"
#include "serve/reporter.hpp"

namespace nn::serve {

std::chrono::microseconds watchdog_interval() {
  const char* time = std::getenv("WATCHDOG_USEC");
  const char* pid = std::getenv("WATCHDOG_PID");
  if (time == nullptr || (pid != nullptr && std::to_string(::getpid()) != pid)) return {};
  const auto us = find_integer(time);
  return std::chrono::microseconds(us && *us > 0 ? *us : 0);
}

// Threads that have come by since they were asked, and how many were asked.
struct Upkeep::Visits {
  std::atomic<std::size_t> come{0};
  std::size_t asked = 0;
};

Upkeep::Upkeep(boost::asio::io_context& io, Service& service, http::Server& server,
               std::function<void()> on_idle)
    : io_(io),
      service_(service),
      server_(server),
      on_idle_(std::move(on_idle)),
      sample_(io.get_executor()),
      watchdog_(io.get_executor()),
      idle_(io.get_executor()) {}

void Upkeep::start() {
  last_request_ = net::clock_of(io_).now();
  sample();
  if (interval_.count() > 0) watch();
}

void Upkeep::stop() {
  sample_.cancel();
  watchdog_.cancel();
  idle_.cancel();
}

void Upkeep::sample() {
  service_.reporter.post([&operations = service_.operations, &clock = net::clock_of(io_)] {
    try {
      operations.history.sample(operations.counters.totals(), clock.now());
    } catch (const std::bad_alloc&) {
      note("no memory for a sample of the status page");
    }
  });
  sample_.expires_after(History::step);
  sample_.wait([this](bool expired) {
    if (expired) sample();
  });
}

// A third of the interval: two visits may be late before the manager takes it for dead.
void Upkeep::watch() {
  constexpr int parts = 3;
  if (!visits_ || visits_->come.load() == visits_->asked) {
    if (visits_) process::notify_manager("WATCHDOG=1");
    visits_ = std::make_shared<Visits>();
    visits_->asked = service_.options.threads > 1 ? static_cast<std::size_t>(service_.options.threads) : 1;
    server_.in_each_thread([visits = visits_](http::Handler&) { visits->come.fetch_add(1); });
  }
  watchdog_.expires_after(interval_ / parts);
  watchdog_.wait([this](bool expired) {
    if (expired) watch();
  });
}

void Upkeep::set_exit_idle(std::chrono::milliseconds time) {
  exit_idle_ = time;
  idle_.cancel();
  if (time.count() > 0) look_whether_idle();
}

void Upkeep::look_whether_idle() {
  const Clock::time_point now = net::clock_of(io_).now();
  const std::uint64_t requests = server_.stats().requests_total.load(std::memory_order_relaxed);
  if (requests != requests_ || server_.requests_under_way() > 0) last_request_ = now;
  requests_ = requests;
  if (now - last_request_ >= exit_idle_) return on_idle_();
  constexpr int looks = 8;  // in that time: it ends so much too late at most
  idle_.expires_after(std::min<Clock::duration>(exit_idle_ - (now - last_request_),
                                                exit_idle_ / looks + std::chrono::milliseconds(1)));
  idle_.wait([this](bool expired) {
    if (expired) look_whether_idle();
  });
}

}  // namespace nn::serve
