#include "base/queue.hpp"

#include <utility>

namespace nn {

Coordinator::~Coordinator() {
  stop();
  wait();
}

void Coordinator::on_stop(std::function<void()> action) { actions_.push_back(std::move(action)); }

void Coordinator::start(std::function<void()> body) {
  threads_.emplace_back([this, body = std::move(body)] {
    try {
      body();
    } catch (...) {
      stop(std::current_exception());
    }
  });
}

void Coordinator::stop() { stop(nullptr); }

void Coordinator::stop(std::exception_ptr error) {
  {
    const std::lock_guard lock(mutex_);
    if (error && !error_ && !stopping_) error_ = std::move(error);
    if (stopping_) return;
    stopping_ = true;
  }
  for (const auto& action : actions_) action();
}

std::exception_ptr Coordinator::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

void Coordinator::wait() {
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
  threads_.clear();
}

void Coordinator::join() {
  wait();
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

}  // namespace nn
