// Work on several threads whose results come in the order in which it was handed in.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "base/queue.hpp"

namespace nn {

// submit() and take() belong to one thread. An exception that leaves `work` is thrown by
// the take() whose turn it is: the first error is the same whatever the number of threads.
template <typename Task, typename Result>
class OrderedWorkers {
 public:
  OrderedWorkers(int threads, std::size_t most_pending, std::function<Result(const Task&)> work)
      : work_(std::move(work)), queue_(most_pending) {
    group_.on_stop([this] { queue_.cancel(); });
    for (int i = 0; i < threads; ++i) group_.start([this] { run(); });
  }
  ~OrderedWorkers() { group_.stop(); }

  std::size_t pending() const { return order_.size(); }

  // Waits when `most_pending` tasks are waiting for a thread.
  void submit(Task task) {
    auto slot = std::make_shared<Slot>(std::move(task));
    order_.push_back(slot);
    queue_.push(std::move(slot));
  }

  // Whether take() would not wait. At least one is pending.
  bool ready() const {
    const std::lock_guard lock(mutex_);
    return order_.front()->done;
  }

  // The result of the oldest task. At least one is pending.
  Result take() {
    const std::shared_ptr<Slot> slot = std::move(order_.front());
    order_.pop_front();
    std::unique_lock lock(mutex_);
    finished_.wait(lock, [&] { return slot->done; });
    if (slot->error) std::rethrow_exception(slot->error);
    return std::move(*slot->result);
  }

 private:
  struct Slot {
    explicit Slot(Task t) : task(std::move(t)) {}
    std::optional<Task> task;
    std::optional<Result> result;
    std::exception_ptr error;
    bool done = false;  // guarded by mutex_
  };

  void run() {
    while (auto item = queue_.pop()) {
      Slot& slot = **item;
      try {
        slot.result = work_(*slot.task);
      } catch (...) {
        slot.error = std::current_exception();
      }
      slot.task.reset();
      const std::lock_guard lock(mutex_);
      slot.done = true;
      finished_.notify_one();
    }
  }

  const std::function<Result(const Task&)> work_;
  mutable std::mutex mutex_;
  std::condition_variable finished_;
  std::deque<std::shared_ptr<Slot>> order_;
  BoundedQueue<std::shared_ptr<Slot>> queue_;
  Coordinator group_;  // last: its threads use all of the above
};

}  // namespace nn
