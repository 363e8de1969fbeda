#include "protocol/byte_budget.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace nn::protocol {

asio::awaitable<ByteBudget::Share> ByteBudget::take(std::uint64_t bytes) {
  const auto waiter = std::make_shared<Waiter>(Waiter{bytes, net::Timer(executor_)});
  bool waits = false;
  {
    const std::lock_guard lock(mutex_);
    Waiters& waiters = is_large(bytes) ? large_waiters_ : small_waiters_;
    waiters.push_back(waiter);
    if (waiters.size() == 1) grant(waiters);
    waits = !waiters.empty() && waiters.back() == waiter;
  }
  if (waits) co_await waiter->granted.wait();
  co_return share(bytes);
}

ByteBudget::Share ByteBudget::try_take(std::uint64_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    if (!fits(bytes)) return nullptr;
    used_ += bytes;
    if (is_large(bytes)) large_ += bytes;
  }
  return share(bytes);
}

bool ByteBudget::fits(std::uint64_t bytes) const {
  if (!is_large(bytes)) return used_ + bytes <= bytes_;
  return used_ == 0 || (used_ + bytes <= bytes_ && (large_ == 0 || large_ + bytes <= bytes_ - bytes_ / 4));
}

ByteBudget::Share ByteBudget::share(std::uint64_t bytes) {
  return {this, [self = shared_from_this(), bytes](ByteBudget*) { self->give_back(bytes); }};
}

void ByteBudget::give_back(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  used_ -= bytes;
  if (is_large(bytes)) large_ -= bytes;
  if (!small_waiters_.empty() || !large_waiters_.empty())
    asio::post(executor_, [self = shared_from_this()] { self->grant(); });
}

void ByteBudget::grant() {
  const std::lock_guard lock(mutex_);
  grant(small_waiters_);
  grant(large_waiters_);
}

// With the lock.
void ByteBudget::grant(Waiters& waiters) {
  while (!waiters.empty() && fits(waiters.front()->bytes)) {
    const std::uint64_t bytes = waiters.front()->bytes;
    used_ += bytes;
    if (is_large(bytes)) large_ += bytes;
    waiters.front()->granted.cancel();
    waiters.pop_front();
  }
}

void ByteBudget::close() {
  const std::lock_guard lock(mutex_);
  small_waiters_.clear();
  large_waiters_.clear();
}

bool ByteBudget::is_short() const {
  const std::lock_guard lock(mutex_);
  return !small_waiters_.empty() || !large_waiters_.empty();
}

std::uint64_t ByteBudget::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

}  // namespace nn::protocol
