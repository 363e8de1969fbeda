// The threads of one device: they share out the work of a step, and sleep between steps.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

#include "backend/device.hpp"

namespace nn::backend::cpu {

// Operations that take longer than waking the others.
inline constexpr double worth_sharing = 1e6;

// The thread that calls is one of the team; each other one is pinned to a core of its own.
class Team {
 public:
  // Work of fewer operations than `least` stays with the caller.
  explicit Team(const Device& device, double least = worth_sharing);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return static_cast<int>(threads_.size()) + 1; }

  double least() const { return least_; }

  // Calls f(part) for each part from 0 to size() - 1, at the same time, and returns when all
  // have. f throws nothing. Where another thread is using the team, the caller does all.
  template <typename F>
  void run(F&& f) {
    run_job([](void* context, int part) { (*static_cast<std::remove_reference_t<F>*>(context))(part); }, &f);
  }

 private:
  using Job = void (*)(void* context, int part);
  void run_job(Job job, void* context);
  void work(int part, const Device& own);

  double least_;
  std::mutex busy_;
  std::atomic<std::uint32_t> round_{0};
  std::atomic<int> unfinished_{0};
  bool stop_ = false;
  Job job_ = nullptr;
  void* context_ = nullptr;
  std::vector<std::thread> threads_;
};

// A part's share of `count` things, in whole multiples of `grain`.
struct Share {
  std::int64_t first, last;
  std::int64_t count() const { return last - first; }
};
inline Share share_of(std::int64_t count, std::int64_t grain, int part, int parts) {
  const std::int64_t grains = (count + grain - 1) / grain;
  const auto at = [&](int p) {
    const std::int64_t end = grains * p / parts * grain;
    return end < count ? end : count;
  };
  return {at(part), at(part + 1)};
}

}  // namespace nn::backend::cpu
