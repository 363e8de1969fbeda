#include "tensor/read_ahead.hpp"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "base/signals.hpp"

namespace nn {

struct ReadAhead::Channel {
  std::mutex mutex;
  std::condition_variable changed;
  const std::size_t capacity;
  std::deque<Batch> batches;
  std::shared_ptr<const Schema> schema;
  std::optional<std::int64_t> total_rows;
  std::exception_ptr error;
  bool done = false;   // the source has nothing more to give
  bool wanted = true;  // somebody is there to take it
  std::thread thread;

  explicit Channel(std::size_t batches_ahead) : capacity(batches_ahead) {}

  // Waits for `ready`, looking up from time to time: a signal is delivered to some thread,
  // and it may not be the one that waits here.
  template <typename Ready>
  void wait(std::unique_lock<std::mutex>& lock, Ready ready) {
    while (!ready()) {
      changed.wait_until(lock, std::chrono::steady_clock::now() + std::chrono::milliseconds(100));
      throw_if_stopped();
    }
  }

  void run(const Open& open);
};

void ReadAhead::Channel::run(const Open& open) {
  try {
    const std::unique_ptr<BatchSource> source = open();
    {
      const std::lock_guard lock(mutex);
      schema = source->schema();
      total_rows = source->total_rows();
      changed.notify_all();
    }
    while (auto batch = source->next()) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return !wanted || batches.size() < capacity; });
      if (!wanted) break;
      batches.push_back(std::move(*batch));
      changed.notify_all();
    }
  } catch (...) {
    const std::lock_guard lock(mutex);
    error = std::current_exception();
  }
  const std::lock_guard lock(mutex);
  done = true;
  changed.notify_all();
}

ReadAhead::ReadAhead(Open open, std::size_t batches) : channel_(std::make_shared<Channel>(batches)) {
  channel_->thread = std::thread([channel = channel_, open = std::move(open)] { channel->run(open); });
}

// std::function wants to be copied, which a source can't be.
ReadAhead::ReadAhead(std::unique_ptr<BatchSource> source, std::size_t batches)
    : ReadAhead([held = std::make_shared<std::unique_ptr<BatchSource>>(
                     std::move(source))] { return std::move(*held); },
                batches) {}

ReadAhead::ReadAhead(ReadAhead&&) noexcept = default;

ReadAhead::~ReadAhead() {
  if (!channel_) return;
  std::unique_lock lock(channel_->mutex);
  channel_->wanted = false;
  channel_->changed.notify_all();
  std::thread thread = std::move(channel_->thread);
  const bool done = channel_->done;
  lock.unlock();
  if (done) {
    thread.join();
  } else {
    thread.detach();
  }
}

const std::shared_ptr<const Schema>& ReadAhead::schema() {
  std::unique_lock lock(channel_->mutex);
  channel_->wait(lock, [&] { return channel_->schema != nullptr || channel_->done; });
  if (!channel_->schema) std::rethrow_exception(channel_->error);
  return channel_->schema;
}

std::optional<std::int64_t> ReadAhead::total_rows() const {
  const std::lock_guard lock(channel_->mutex);
  return channel_->total_rows;
}

std::optional<Batch> ReadAhead::next() {
  std::unique_lock lock(channel_->mutex);
  channel_->wait(lock, [&] { return !channel_->batches.empty() || channel_->done; });
  if (channel_->batches.empty()) {
    if (channel_->error) std::rethrow_exception(channel_->error);
    return std::nullopt;
  }
  Batch batch = std::move(channel_->batches.front());
  channel_->batches.pop_front();
  channel_->changed.notify_all();
  return batch;
}

std::optional<Batch> ReadAhead::try_next() {
  {
    const std::lock_guard lock(channel_->mutex);
    if (channel_->batches.empty()) return std::nullopt;
  }
  return next();
}

bool ReadAhead::ended() const {
  const std::lock_guard lock(channel_->mutex);
  return channel_->done && channel_->batches.empty();
}

}  // namespace nn
