#include "client/remote_load.hpp"

#include <algorithm>

namespace nn::client {

std::int64_t RemoteLoad::come(std::int64_t rows) {
  requests_.fetch_add(1, std::memory_order_relaxed);
  return rows_.fetch_add(rows, std::memory_order_relaxed) + rows;
}

void RemoteLoad::gone(std::int64_t rows) {
  requests_.fetch_sub(1, std::memory_order_relaxed);
  rows_.fetch_sub(rows, std::memory_order_relaxed);
}

void RemoteLoad::answered(std::int64_t rows_then, Clock::duration time) {
  times_.note(rows_then, std::chrono::duration<double>(time).count());
  most_known_.store(std::max(rows_then, most_known_.load(std::memory_order_relaxed)),
                    std::memory_order_relaxed);
}

// What came of fewer rows says little about many: a worker batches them, and most of the time of a few is
// that of the way. Far beyond what is known requests are let in, and then it is.
std::chrono::duration<double> RemoteLoad::time_of(std::int64_t rows) const {
  constexpr std::int64_t beyond = 4;
  const std::int64_t most = most_known_.load(std::memory_order_relaxed);
  return std::chrono::duration<double>(times_.cost(std::min(rows, beyond * most)));
}

std::chrono::microseconds RemoteLoad::predicted_wait(std::int64_t rows) const {
  if (requests_.load(std::memory_order_relaxed) < at_once_) return std::chrono::microseconds(0);
  const auto time = time_of(rows_.load(std::memory_order_relaxed) + rows);
  return std::chrono::duration_cast<std::chrono::microseconds>(time);
}

}  // namespace nn::client
