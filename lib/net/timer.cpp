#include "net/timer.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdint>
#include <utility>

namespace nn::net {
namespace {

// Asio keeps one of these in each context.
class ClockService : public asio::execution_context::service {
 public:
  using key_type = ClockService;
  static inline asio::execution_context::id id;

  explicit ClockService(asio::execution_context& context) : service(context) {}
  Clock* clock = &Clock::machine();

 private:
  void shutdown() override {}
};

}  // namespace

void set_clock(asio::execution_context& context, Clock& clock) {
  asio::use_service<ClockService>(context).clock = &clock;
}

Clock& clock_of(asio::execution_context& context) { return *asio::use_service<ClockService>(context).clock; }

Clock& clock_of(const asio::any_io_executor& executor) {
  return clock_of(asio::query(executor, asio::execution::context));
}

// A clock that rings itself ends the wait of a timer that would take for ever. A wait belongs to the setting
// that it began in: Asio no longer cancels one whose time has come, although who waits hasn't been told yet.
struct Timer::State {
  explicit State(const asio::any_io_executor& executor)
      : timer(executor, Clock::time_point::max()), clock(clock_of(executor)) {}
  asio::steady_timer timer;
  Clock& clock;
  bool rang = false;
  std::uint64_t setting = 0;
  std::unique_ptr<Clock::Alarm> alarm;

  bool has_come(const boost::system::error_code& error, std::uint64_t set_when_it_began) const {
    return setting == set_when_it_began && (!error || rang);
  }
};

Timer::Timer(const asio::any_io_executor& executor) : state_(std::make_shared<State>(executor)) {}

Timer::~Timer() {
  if (state_) cancel();
}

Timer::Timer(Timer&&) noexcept = default;

Timer& Timer::operator=(Timer&& other) noexcept {
  if (state_ && state_ != other.state_) cancel();
  state_ = std::move(other.state_);
  return *this;
}

void Timer::expires_at(Clock::time_point when) {
  State& state = *state_;
  state.rang = false;
  ++state.setting;
  state.alarm = state.clock.alarm(when, [weak = std::weak_ptr(state_)] {
    const auto own = weak.lock();
    if (!own) return;
    own->rang = true;
    own->timer.expires_at(Clock::time_point::min());
  });
  state.timer.expires_at(state.alarm ? Clock::time_point::max() : when);
}

void Timer::expires_after(Clock::duration time) { expires_at(state_->clock.now() + time); }

void Timer::cancel() {
  ++state_->setting;
  state_->timer.cancel();
}

asio::awaitable<bool> Timer::wait_for(std::shared_ptr<State> state) {
  const auto setting = state->setting;
  const auto [error] = co_await state->timer.async_wait(asio::as_tuple(asio::use_awaitable));
  co_return state->has_come(error, setting);
}

asio::awaitable<bool> Timer::wait() { return wait_for(state_); }

void Timer::wait(std::function<void(bool expired)> then) {
  state_->timer.async_wait([state = state_, setting = state_->setting,
                            then = std::move(then)](const boost::system::error_code& error) {
    then(state->has_come(error, setting));
  });
}

}  // namespace nn::net
