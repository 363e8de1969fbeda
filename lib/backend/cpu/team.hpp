// The threads of one device: they share out the work of a step, and sleep between steps.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <type_traits>
#include <vector>

#include "backend/device.hpp"

namespace nn::backend::cpu {

// Operations that take longer than waking the others.
inline constexpr double worth_sharing = 1e6;

// The thread that calls is one of the team; each other one is pinned to a core of its own. Programs may share
// a team: while one uses its threads, another one that computes at the same time gets more of them, so that
// there are as many as are needed at once, and not as many as there are programs.
class Team {
 public:
  // Work of fewer operations than `least` stays with the caller.
  explicit Team(const Device& device, double least = worth_sharing);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return size_; }

  double least() const { return least_; }

  // Calls f(part) for each part from 0 to size() - 1, at the same time, and returns when all
  // have. f throws nothing. Where there are no threads to be had, the caller does all. Thread-safe.
  template <typename F>
  void run(F&& f) {
    run_job([](void* context, int part) { (*static_cast<std::remove_reference_t<F>*>(context))(part); }, &f);
  }

 private:
  using Job = void (*)(void* context, int part);
  class Threads;
  void run_job(Job job, void* context);
  std::unique_ptr<Threads> take();

  const Device device_;
  const double least_;
  const int size_;
  std::mutex mutex_;
  std::size_t made_ = 0;
  std::vector<std::unique_ptr<Threads>> idle_;
};

// The threads of this device, which all programs of a process that are compiled for it share: they last as
// long as one of these does. Null where the device has one core. Thread-safe.
std::shared_ptr<Team> team_of(const Device& device);

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
