// Computes requests on a device, several in one step where they wait together: a StepQueue with a thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "serving/step_queue.hpp"

namespace nn::serving {

struct BatcherOptions {
  BatchLimits limits;
  double quick_work = 100e3;  // additions and multiplications that may be done in the thread that asks
  // What may be done there by what it costs, once that is known; 0: quick_work says it.
  std::chrono::microseconds quick_time{0};
  std::string device = {};  // as people call it, for reports
  // Called first in the thread that computes, as to pin it to the device: else it has its maker's cores.
  std::function<void()> begin = {};
};

// Thread-safe. A device that has nothing to do never waits; what comes while it computes is the next step.
// Once it has had as many requests at once, it allocates nothing for them.
class Batcher {
 public:
  explicit Batcher(BatcherOptions options, const Clock& clock = Clock::machine());
  ~Batcher();  // what waits is completed as cancelled

  // Answers a small request at once, in the calling thread, where the device has nothing else to do: handing
  // it over would take longer. False where it must be submitted; its completion is not told.
  bool try_now(LocalServable& servable, Request& request);
  // False where there is no room; otherwise the request's completion gets it, once.
  bool submit(const std::shared_ptr<LocalServable>& servable, std::shared_ptr<Request> request);

  // Calls it in this thread while nothing else is computed, once it is its turn.
  template <typename Call>
  void alone(Call&& call) {
    const std::lock_guard device(device_);
    call();
  }

  const BatchLimits& limits() const { return options_.limits; }
  // As StepQueue has it. No lock.
  Clock::duration predicted_wait(Priority priority) const {
    return queue_.predicted_wait(priority, clock_.now());
  }
  bool is_crowded() const { return queue_.crowded(clock_.now()); }
  // What its thread has been computing for longer than any step takes, where it seems to be stuck: "cpu:0 has
  // computed 12 rows of model digits, version 3, for more than 60 s". A step may take as long as `longest`,
  // or many times as long as it took before.
  std::optional<std::string> stuck(Clock::time_point now, Clock::duration longest) const;
  // Fills in what is the device's.
  void describe(DeviceLoad& load) const;

 private:
  void run();
  bool is_quick(const LocalServable& servable, std::int64_t rows) const;
  Clock::duration compute(const Step& step, Requests& over);
  void compute_together(const Step& step);
  void compute_alone(LocalServable& servable, Request& request, std::int64_t first, std::int64_t rows);
  void complete(Requests& over);

  const BatcherOptions options_;
  const Clock& clock_;
  std::mutex device_;  // one computes at a time
  // With it: memory of steps.
  Buffer values_;
  Batch part_;
  std::vector<Batch> parts_;
  std::vector<predict::PredictorInput> inputs_;
  // The thread's.
  std::vector<std::pair<Completion*, std::size_t>> order_;
  Requests grouped_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  StepQueue queue_;
  // The step that is computed; null: none is.
  const LocalServable* computes_ = nullptr;
  std::int64_t computes_rows_ = 0;
  Clock::time_point computes_since_;
  std::atomic<bool> idle_{true};  // nothing waits
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace nn::serving
