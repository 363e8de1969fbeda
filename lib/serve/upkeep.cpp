#include "serve/upkeep.hpp"

#include <algorithm>
#include <new>

#include "base/log.hpp"
#include "serve/reporter.hpp"

namespace nn::serve {

Upkeep::Upkeep(boost::asio::io_context& io, Service& service, http::Server& server,
               std::function<void()> on_idle)
    : io_(io),
      service_(service),
      server_(server),
      on_idle_(std::move(on_idle)),
      sample_(io.get_executor()),
      idle_(io.get_executor()) {}

void Upkeep::start() {
  last_request_ = net::clock_of(io_).now();
  sample();
}

void Upkeep::stop() {
  sample_.cancel();
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
