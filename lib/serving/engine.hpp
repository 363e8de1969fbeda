// Computes requests on the worker's device, several in one step where they wait together.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "predict/predictions.hpp"
#include "serving/models.hpp"
#include "tensor/batch.hpp"

namespace nn::serving {

// A table bound to a model. Constant.
struct Binding {
  std::shared_ptr<ServedModel> model;
  model::BoundEncoder encoder;
  predict::PredictionBuilder builder;
};

// A request on its way. The server owns it, but for the time between submit() and done.
struct Job {
  using Clock = std::chrono::steady_clock;
  std::shared_ptr<const Binding> binding;
  Batch rows;
  Clock::time_point arrived;
  std::optional<Clock::time_point> deadline;
  std::atomic<bool> cancelled{false};

  // The answer:
  enum class State : std::uint8_t { waiting, answered, failed, late, dropped } state = State::waiting;
  std::optional<Batch> answers;
  std::optional<Error> error;
  std::chrono::microseconds waited{0}, computed{0};
};

struct EngineOptions {
  std::int64_t batch_max = 1024;             // rows of a step, of several requests together
  std::chrono::microseconds batch_delay{0};  // that a request waits for others
  double quick_work = 100e3;  // additions and multiplications that may run in the server's thread
};

class Engine {
 public:
  using Done = std::function<void(std::vector<std::shared_ptr<Job>>)>;  // called in the engine's thread
  Engine(EngineOptions options, Done done);
  ~Engine();  // what waits is dropped

  // Answers a small request at once, in the calling thread, where the device has nothing else to
  // do: handing it over would take longer. False where it must be submitted.
  bool try_now(Job& job);
  void submit(std::shared_ptr<Job> job);

 private:
  using Jobs = std::vector<std::shared_ptr<Job>>;
  void run();
  Jobs gather(std::unique_lock<std::mutex>& lock);
  void compute(const Jobs& jobs);
  void compute_together(const Jobs& jobs);

  EngineOptions options_;
  Done done_;
  std::mutex device_;  // one computes at a time
  Buffer values_;      // with it
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Job>> queue_;
  std::atomic<std::size_t> waiting_{0};
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace nn::serving
