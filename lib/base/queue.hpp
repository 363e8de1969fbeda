// A bounded queue between threads, and the coordinator that stops them all.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace nn {

// Many producers, many consumers. push() waits while full, pop() while empty.
// close(): no more pushes; what is inside is still popped, then pop() gives nothing.
// cancel(): drops what is inside; both sides return at once.
template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t capacity) : capacity_(capacity) {}

  // False when the queue was closed or cancelled: the item was not taken.
  bool push(T item) {
    std::unique_lock lock(mutex_);
    not_full_.wait(lock, [&] { return closed_ || items_.size() < capacity_; });
    if (closed_) return false;
    items_.push_back(std::move(item));
    not_empty_.notify_one();
    return true;
  }

  // Nothing once the queue is closed and drained.
  std::optional<T> pop() {
    std::unique_lock lock(mutex_);
    not_empty_.wait(lock, [&] { return closed_ || !items_.empty(); });
    if (items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    not_full_.notify_one();
    return item;
  }

  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    not_full_.notify_all();
    not_empty_.notify_all();
  }

  void cancel() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    items_.clear();
    not_full_.notify_all();
    not_empty_.notify_all();
  }

 private:
  const std::size_t capacity_;
  std::mutex mutex_;
  std::condition_variable not_full_, not_empty_;
  std::deque<T> items_;
  bool closed_ = false;
};

// Runs threads that belong together: the first exception that leaves one of them is
// kept, asks all of them to stop, and is thrown again by join().
//
//   Coordinator group;
//   group.on_stop([&] { queue.cancel(); });      // wakes whoever waits; before start()
//   group.start([&] { while (!group.stopping()) ... });
//   group.join();
class Coordinator {
 public:
  Coordinator() = default;
  Coordinator(const Coordinator&) = delete;
  ~Coordinator();  // stop() and wait; errors are dropped

  // `action` runs at most once, in the thread that first calls stop(). It must not throw.
  void on_stop(std::function<void()> action);
  void start(std::function<void()> body);

  void stop();                          // no error; idempotent
  void stop(std::exception_ptr error);  // the first error wins
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

  // The first error so far, or null. Does not wait.
  std::exception_ptr error() const;

  // Waits for all threads, then throws the first error again.
  void join();

 private:
  void wait();
  std::vector<std::thread> threads_;
  std::vector<std::function<void()>> actions_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::exception_ptr error_;
};

}  // namespace nn
