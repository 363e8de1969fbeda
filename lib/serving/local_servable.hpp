// A version of a model that this process computes, by a batcher's steps.
#pragma once

#include <atomic>
#include <span>

#include "predict/predictor.hpp"
#include "serving/servable.hpp"

namespace nn::serving {

class Batcher;

// Thread-safe, but for compute().
class LocalServable : public Servable {
 public:
  // The batcher is its device's, and must outlive it; without one it can't be asked.
  LocalServable(std::string name, std::uint64_t version, Batcher* batcher)
      : Servable(std::move(name), version), batcher_(batcher) {}

  bool try_now(Request& request) override;
  bool submit(std::shared_ptr<Request> request) override;

  // Multiplications and additions of a row, roughly.
  virtual std::int64_t work_per_row() const = 0;
  // out [rows of all inputs, kind().width()], overwritten. One thread at a time. Data errors name a row;
  // device errors mean that it will answer nobody any more.
  virtual void compute(std::span<const predict::PredictorInput> inputs, float* out) = 0;

  // Seconds that a row takes in a step of many, as measured; 0 while nothing is known.
  double row_cost() const { return row_cost_.load(std::memory_order_relaxed); }
  void note_cost(std::int64_t rows, Clock::duration time);

 protected:
  void computed_by(Batcher* batcher) { batcher_ = batcher; }

 private:
  Batcher* batcher_;
  std::atomic<double> row_cost_{0};
};

}  // namespace nn::serving
