// Computes requests on a device, several in one step where they wait together: a StepQueue with a thread.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "base/clock.hpp"
#include "serving/step_queue.hpp"

namespace nn::serving {

struct BatcherOptions {
  BatchLimits limits;
  double quick_work = 100e3;  // additions and multiplications that may be done in the thread that asks
};

// Thread-safe.
class Batcher {
 public:
  explicit Batcher(BatcherOptions options, const Clock& clock = Clock::machine());
  ~Batcher();  // what waits is completed as cancelled

  // Answers a small request at once, in the calling thread, where the device has nothing else to do: handing
  // it over would take longer. False where it must be submitted; its completion is not told.
  bool try_now(LocalServable& servable, Request& request);
  // False where there is no room; otherwise the request's completion gets it, once.
  bool submit(const std::shared_ptr<LocalServable>& servable, std::shared_ptr<Request> request);

 private:
  void run();
  Clock::duration compute(const Step& step, Requests& over);

  const BatcherOptions options_;
  const Clock& clock_;
  std::mutex device_;  // one computes at a time
  Buffer values_;      // with it
  std::mutex mutex_;
  std::condition_variable changed_;
  StepQueue queue_;
  std::atomic<bool> idle_{true};  // nothing waits
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace nn::serving
