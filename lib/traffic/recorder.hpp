// How requests of an experiment went, noted by serving threads and read by the judge's.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "traffic/comparison.hpp"
#include "traffic/statistics.hpp"

namespace nn::traffic {

// Of one arm.
struct ArmCounts {
  std::uint64_t requests = 0;   // that were answered, or failed through no fault of the client
  std::uint64_t errors = 0;     // of those: 5xx, deadlines that passed
  std::uint64_t nonfinite = 0;  // of those: answers with a number that isn't finite
  std::uint64_t error_run = 0;  // the last that many failed
  LogHistogram us;              // of those that were answered: queue and computing

  void add(bool error, bool has_nonfinite, double service_us) noexcept;
  void merge(const ArmCounts& later);
};

struct Observations {
  ArmCounts canary, control;
  Comparison shadow;
  bool crashed = false;  // what computes the canary ended
};

// One for each serving thread and model, so that a note takes no lock that others want: some tens of
// nanoseconds, no allocation.
class Recorder {
 public:
  // `epoch` is that of the routes that the request was given (Recorders::epoch()): what belongs to a step
  // that is over is dropped.
  void canary(std::uint64_t epoch, bool error, bool nonfinite, double service_us) noexcept;
  void control(std::uint64_t epoch, bool error, bool nonfinite, double service_us) noexcept;
  // Of a request that was run through the shadow as well.
  void shadow(std::uint64_t epoch, const Comparison& pair);

 private:
  friend class Recorders;
  std::mutex mutex_;
  std::uint64_t epoch_ = 0;
  Observations noted_;
};

// All of a model's. Thread-safe.
class Recorders {
 public:
  // Lives as long as somebody holds it.
  std::shared_ptr<Recorder> make();
  // What was noted since the last call. The judge's thread.
  Observations take();
  // Begins a step: forgets what was noted and not taken.
  void begin(std::uint64_t epoch);
  std::uint64_t epoch() const { return epoch_.load(std::memory_order_acquire); }

 private:
  std::mutex mutex_;
  std::atomic<std::uint64_t> epoch_{0};
  std::vector<std::shared_ptr<Recorder>> recorders_;
};

}  // namespace nn::traffic
