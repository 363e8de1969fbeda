// The training loop. Internal to lib/train and its tests.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "model/model.hpp"
#include "train/dataset.hpp"
#include "train/log.hpp"
#include "train/metrics.hpp"
#include "train/options.hpp"

namespace nn {

// Order of calls: constructor, restore() for a resumed run, run(), finish().
class Trainer {
 public:
  // `data` is borrowed. `model` has everything but parameters and metrics.
  Trainer(const TrainOptions& options, const TrainingData& data, Model model);

  // Continues from a checkpoint: data error when it belongs to another run.
  void restore(const Checkpoint& checkpoint);

  // Trains until the epochs, the time or the patience are used up.
  void run();

  // The trained model: the best parameters where there is early stopping.
  Model finish();

 private:
  using Clock = std::chrono::steady_clock;
  struct Snapshot {
    TrainingState state;
    std::vector<float> parameters;
  };

  void run_epoch();
  bool train_batch(std::span<const std::uint32_t> rows);
  void end_epoch();
  bool keep_best(double score);
  void log_step();
  double elapsed_s() const;
  bool out_of_time() const;

  Snapshot snapshot() const;
  void save(const Snapshot& snapshot, const std::string& path);
  void save_when_due();
  [[noreturn]] void stop_for_signal();
  [[noreturn]] void fail_not_finite(std::string_view what);
  std::string checkpoint_path() const;

  const TrainOptions& options_;
  const TrainingData& data_;
  Model model_;
  Plan plan_;
  double learning_rate_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Program> program_;
  BatchGatherer gatherer_;
  TrainingState state_;
  Snapshot good_;                                        // as the current epoch began
  std::vector<std::pair<std::string, double>> figures_;  // of the last finished epoch
  TrainingLog log_;
  Progress progress_;
  Clock::time_point start_, saved_;
  double elapsed_before_s_ = 0;
  bool done_ = false;
};

}  // namespace nn
