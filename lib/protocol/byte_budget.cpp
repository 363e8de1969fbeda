#include "protocol/byte_budget.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace nn::protocol {

asio::awaitable<ByteBudget::Share> ByteBudget::take(std::uint64_t bytes) {
  const auto waiter = std::make_shared<Waiter>(Waiter{bytes, net::Timer(executor_)});
  bool waits = false;
  {
    const std::lock_guard lock(mutex_);
    waits = !waiters_.empty() || !fits(bytes);
    if (waits) {
      waiters_.push_back(waiter);
    } else {
      used_ += bytes;
    }
  }
  if (waits) co_await waiter->granted.wait();
  co_return share(bytes);
}

ByteBudget::Share ByteBudget::share(std::uint64_t bytes) {
  return {this, [self = shared_from_this(), bytes](ByteBudget*) { self->give_back(bytes); }};
}

void ByteBudget::give_back(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  used_ -= bytes;
  if (!waiters_.empty()) asio::post(executor_, [self = shared_from_this()] { self->grant(); });
}

void ByteBudget::grant() {
  const std::lock_guard lock(mutex_);
  while (!waiters_.empty() && fits(waiters_.front()->bytes)) {
    used_ += waiters_.front()->bytes;
    waiters_.front()->granted.cancel();
    waiters_.pop_front();
  }
}

void ByteBudget::close() {
  const std::lock_guard lock(mutex_);
  waiters_.clear();
}

bool ByteBudget::is_short() const {
  const std::lock_guard lock(mutex_);
  return !waiters_.empty();
}

std::uint64_t ByteBudget::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

}  // namespace nn::protocol
