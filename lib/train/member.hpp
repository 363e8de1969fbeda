// One network in training: its weights, its position, its best weights so far. Internal to
// lib/train and its tests.
#pragma once

#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/model.hpp"
#include "train/dataset.hpp"
#include "train/log.hpp"
#include "train/options.hpp"
#include "train/schedule.hpp"

namespace nn {

// The network with its first weights, compiled for training steps.
std::unique_ptr<Program> compile_for_training(Backend& backend, const Plan& plan, const TrainOptions& options,
                                              const Dataset& data);

// Sum of the weights of the rows.
double weight_of(const Examples& examples);

// Order of calls: constructor, restore() for a resumed run; for each epoch begin_epoch(), step()
// as often as there are steps, end_epoch(); at last finish(). One thread.
class Member {
 public:
  // `data`, `backend` and `log` are borrowed. `model` has everything but parameters and metrics.
  Member(TrainOptions options, const TrainingData& data, Model model, Backend& backend, TrainingLog& log);

  const TrainOptions& options() const { return options_; }
  const TrainingState& state() const { return state_; }
  bool done() const { return done_; }
  double loss() const;  // mean over the epoch so far

  // Continues from a checkpoint: data error when it belongs to another run.
  void restore(const Checkpoint& checkpoint);

  void begin_epoch();
  void step(std::span<const Examples> parts);
  // `waited_s`: what the steps of this epoch have waited for data.
  void end_epoch(double waited_s);
  // No more epochs after this one.
  void stop() { done_ = true; }

  // Saves the position to the checkpoint, at once or when --checkpoint-every says so.
  void save();
  void save_when_due();
  const std::string& checkpoint_path() const { return checkpoint_path_; }
  // Of all runs that this one goes on from.
  double elapsed_s() const;

  // The trained model: the best parameters where there is early stopping, and their moving
  // average where there is one.
  Model finish();

 private:
  using Clock = std::chrono::steady_clock;
  using Figures = std::vector<std::pair<std::string, double>>;
  struct Snapshot {
    TrainingState state;
    std::vector<float> parameters;
  };

  double learning_rate() const;
  Figures validate();
  bool keep_best(double score);
  void log_step();
  void save_cycle();
  Snapshot snapshot() const;
  std::vector<float> parameters_to_use();
  void save(const Snapshot& snapshot);
  [[noreturn]] void fail_not_finite(std::string_view what);

  TrainOptions options_;
  const TrainingData& data_;
  Model model_;
  Plan plan_;
  RunLength length_;
  std::string checkpoint_path_;
  std::unique_ptr<Program> program_;
  TrainingLog& log_;
  TrainingState state_;
  Snapshot good_;    // as the current epoch began
  Figures figures_;  // of the last finished epoch
  Clock::time_point start_, saved_;
  double elapsed_before_s_ = 0;
  double rate_ = 0;  // of the last step
  bool done_ = false;
};

}  // namespace nn
