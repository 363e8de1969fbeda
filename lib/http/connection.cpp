#include "http/connection.hpp"

#include <algorithm>

namespace nn::http {

void Connection::join() {
  idle_since_ = thread_.clock.now();
  place_ = thread_.idle.insert(thread_.idle.end(), shared_from_this());
  joined_ = true;
}

void Connection::set_busy(bool busy) {
  if (busy == busy_ || !joined_) return;
  busy_ = busy;
  auto& from = busy ? thread_.idle : thread_.busy;
  auto& to = busy ? thread_.busy : thread_.idle;
  if (!busy) idle_since_ = thread_.clock.now();
  to.splice(to.end(), from, place_);
}

void Connection::touch(Clock::time_point now) {
  if (busy_ || !joined_) return;
  idle_since_ = now;
  thread_.idle.splice(thread_.idle.end(), thread_.idle, place_);
}

void Connection::leave() {
  if (!joined_) return;
  joined_ = false;
  (busy_ ? thread_.busy : thread_.idle).erase(place_);
  thread_.connections.fetch_sub(1, std::memory_order_relaxed);
  if (thread_.draining && thread_.busy.empty() && thread_.idle.empty() && thread_.on_empty)
    thread_.on_empty();
}

Clock::duration time_of(std::uint64_t bytes, std::uint64_t rate) {
  if (rate == 0) return std::chrono::hours(1);
  return std::chrono::milliseconds(bytes * 1000 / rate);
}

Clock::time_point put_off(Clock::time_point deadline, std::uint64_t bytes, std::uint64_t rate,
                          Clock::time_point latest) {
  return std::min(deadline + time_of(bytes, rate), latest);
}

}  // namespace nn::http
