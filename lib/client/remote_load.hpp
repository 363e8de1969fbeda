// How long a request to workers would take now. For this module only.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.hpp"
#include "serving/cost_curve.hpp"

namespace nn::client {

// Learns from answers how long they take by how many rows are under way at all of a model's workers together,
// whatever else these do. Any thread, but for answered().
class RemoteLoad {
 public:
  // So many requests are sent at once; one that comes then waits here.
  explicit RemoteLoad(std::size_t at_once) : at_once_(static_cast<std::int64_t>(at_once)) {}

  // A request of so many rows is under way; says how many rows there are now, its own included. It is until
  // gone().
  std::int64_t come(std::int64_t rows);
  void gone(std::int64_t rows);
  // One has been answered, `time` after it came, when there were so many rows. One thread.
  void answered(std::int64_t rows_then, Clock::duration time);

  // As Servable::predicted_wait() has it, but 0 for who is sent at once: how long that takes says whoever
  // gets it, and one that stands still isn't all of them.
  std::chrono::microseconds predicted_wait(std::int64_t rows) const;

 private:
  std::chrono::duration<double> time_of(std::int64_t rows) const;

  const std::int64_t at_once_;
  std::atomic<std::int64_t> requests_{0}, rows_{0};  // under way
  serving::CostCurve times_;
  std::atomic<std::int64_t> most_known_{0};  // rows
};

}  // namespace nn::client
