// Waiting for a time in an io_context. Its clock is the machine's, unless a test has given it another.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/execution_context.hpp>
#include <functional>
#include <memory>

#include "base/clock.hpp"

namespace nn {
namespace asio = boost::asio;
}

namespace nn::net {

// The clock of everything that runs in this context. It must outlive the context, and is set before
// anything in it asks for the time.
void set_clock(asio::execution_context& context, Clock& clock);
Clock& clock_of(asio::execution_context& context);
Clock& clock_of(const asio::any_io_executor& executor);

// One thread, that of the io_context.
class Timer {
 public:
  explicit Timer(const asio::any_io_executor& executor);
  Timer(const asio::any_io_executor& executor, Clock::duration time) : Timer(executor) {
    expires_after(time);
  }
  ~Timer();
  Timer(Timer&&) noexcept;
  Timer& operator=(Timer&&) noexcept;

  // All three cancel those who wait, also where the time had come and they haven't been told.
  void expires_at(Clock::time_point when);
  void expires_after(Clock::duration time);
  void cancel();

  // True when the time has come, false when the wait was cancelled, or the timer destroyed. A timer that
  // was never set waits for cancel().
  asio::awaitable<bool> wait();
  // The same, told to a function.
  void wait(std::function<void(bool expired)> then);

 private:
  struct State;
  static asio::awaitable<bool> wait_for(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace nn::net
