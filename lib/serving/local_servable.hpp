// A version of a model that this process computes, by a batcher's steps.
#pragma once

#include <array>
#include <atomic>
#include <span>

#include "predict/predictor.hpp"
#include "serving/cost_curve.hpp"
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
  std::chrono::microseconds predicted_wait(std::int64_t rows,
                                           Priority priority = Priority::normal) const override;
  bool is_crowded() const override;
  LoadReport report() const override;

  // Multiplications and additions of a row, roughly.
  virtual std::int64_t work_per_row() const = 0;
  // out [rows of all inputs, kind().width()], overwritten. One thread at a time. Data errors name a row;
  // device errors mean that it will answer nobody any more.
  virtual void compute(std::span<const predict::PredictorInput> inputs, float* out) = 0;

  // Seconds that a row takes in a step of many, as measured; 0 while nothing is known.
  double row_cost() const { return row_cost_.load(std::memory_order_relaxed); }
  void note_cost(std::int64_t rows, Clock::duration time);
  const CostCurve& curve() const { return curve_; }
  std::uint64_t bytes() const override { return weight_bytes_ + step_bytes_; }
  std::uint64_t step_bytes() const { return step_bytes_; }  // of them, what copies don't share
  // Seconds that a row takes in steps of so many, as predicted; 0 while nothing is known.
  double shared_row_cost(std::int64_t step_rows) const;

  // These by whoever computes it, one at a time.

  // A step of so many rows took that long.
  void note_step(std::int64_t rows, Clock::duration time);
  // So many rows more wait for its device, or, below 0, fewer.
  void count_waiting(std::int64_t rows);
  // The most rows, up to `limit`, of a step that takes so many seconds.
  std::int64_t best_rows(double seconds, std::int64_t limit);

 protected:
  void computed_by(Batcher* batcher) { batcher_ = batcher; }
  Batcher* batcher() const { return batcher_; }
  // A figure of warm-up.
  void set_cost(std::int64_t rows, Clock::duration time);
  // What it takes in memory, of which copies share the weights; before it is asked.
  void set_bytes(std::uint64_t weights, std::uint64_t steps) {
    weight_bytes_ = weights;
    step_bytes_ = steps;
  }
  // What it answered there wasn't finite; before others see it.
  void set_not_finite() { finite_ = false; }

 private:
  static constexpr std::size_t powers = 22;  // of two, of a step's rows; the last one has all beyond

  Batcher* batcher_;
  std::uint64_t weight_bytes_ = 0, step_bytes_ = 0;
  bool finite_ = true;
  std::atomic<double> row_cost_{0};
  CostCurve curve_;
  std::atomic<double> mean_rows_{0};
  std::atomic<std::uint64_t> rows_{0};
  std::array<std::atomic<std::uint64_t>, powers>
      steps_{};  // by the power of two that has room for their rows
  std::atomic<std::int64_t> waiting_rows_{0};
  // What best_rows() said last.
  struct Best {
    unsigned fits = 0;
    double seconds = -1;
    std::int64_t limit = 0, rows = 0;
  } best_;
};

}  // namespace nn::serving
