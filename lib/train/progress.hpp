// The progress line of all members together.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>

#include "base/log.hpp"
#include "train/member.hpp"

namespace nn::train {

// Thread-safe.
class SharedProgress {
 public:
  explicit SharedProgress(std::uint64_t rows) : progress_("rows", rows) {}

  // After a step of `rows` rows of `member`, which is one of several of its kind.
  void add(std::uint64_t rows, const Member& member, std::chrono::steady_clock::time_point now);

 private:
  std::mutex mutex_;
  Progress progress_;
  std::atomic<std::uint64_t> done_{0};
  std::atomic<std::chrono::steady_clock::time_point> next_{std::chrono::steady_clock::time_point{}};
};

}  // namespace nn::train
