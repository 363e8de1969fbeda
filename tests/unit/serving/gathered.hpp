// Gathers what is completed, in its order.
#pragma once

#include <condition_variable>
#include <mutex>
#include <span>
#include <vector>

#include "catch.hpp"
#include "serving/servable.hpp"

namespace nn::test {

class Gathered : public serving::Completion {
 public:
  void complete(std::span<std::shared_ptr<serving::Request>> requests) override {
    const std::lock_guard lock(mutex_);
    groups_.push_back(requests.size());
    all_.insert(all_.end(), requests.begin(), requests.end());
    changed_.notify_all();
  }
  serving::Requests wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_until(lock, std::chrono::system_clock::now() + std::chrono::seconds(20),
                                [&] { return all_.size() >= count; }));
    return all_;
  }
  std::vector<std::size_t> groups() {
    const std::lock_guard lock(mutex_);
    return groups_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::size_t> groups_;
  serving::Requests all_;
};

}  // namespace nn::test
