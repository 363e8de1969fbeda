#include "serve/reporter.hpp"

#include <utility>

#include "base/scheduling.hpp"

namespace nn::serve {

Reporter::Reporter() : thread_([this] { run(); }) {}

void Reporter::post(std::function<void()> call) {
  const std::lock_guard lock(mutex_);
  if (stop_) return;
  calls_.push_back(std::move(call));
  changed_.notify_one();
}

void Reporter::stop() {
  std::deque<std::function<void()>> left;  // what they hold is let go without the lock
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    left.swap(calls_);
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void Reporter::run() {
  come_after_others(10);
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stop_ || !calls_.empty(); });
    if (stop_) return;
    const std::function<void()> call = std::move(calls_.front());
    calls_.pop_front();
    lock.unlock();
    call();
    lock.lock();
  }
}

}  // namespace nn::serve
