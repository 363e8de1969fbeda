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
#include "train/metrics.hpp"
#include "train/options.hpp"
#include "train/schedule.hpp"

namespace nn::train {

// For training steps of such a network.
backend::ProgramOptions program_options(const TrainOptions& options, const Dataset& data);

// The plan's first weights: those of `start`, if there is one, and random ones.
std::shared_ptr<float> first_parameters(const Plan& plan, const TrainOptions& options,
                                        const model::Model* start);

// Order of calls: constructor, restore() for a resumed run, attach(); for each epoch begin_epoch(),
// next() and step_done() as often as there are steps, end_epoch(); at last finish(). One thread.
class Member {
 public:
  // `data`, `plan` and `log` are borrowed. `model` has everything but parameters and metrics.
  Member(TrainOptions options, const TrainingData& data, model::Model model, const Plan& plan,
         TrainingLog& log);

  const TrainOptions& options() const { return options_; }
  const model::TrainingState& state() const { return state_; }
  bool done() const { return done_; }
  double loss() const;  // mean over the epoch so far

  // Continues from a checkpoint: data error when it belongs to another run.
  void restore(const model::Checkpoint& checkpoint);
  // Of one that had nothing left to do, tells the last figures again to whoever started this process.
  void repeat_figures();
  // The parameters that the run starts with; valid until attach().
  const float* parameters() const { return start_parameters_.get(); }
  // The member of `program`, compiled with parameters(), that this is from now on; borrowed.
  void attach(backend::Program& program, std::size_t index);

  void begin_epoch();
  backend::Step next(std::span<const backend::Examples> parts);
  // After such a step. Losses may come later: the epoch's sum so far.
  void step_done(std::span<const backend::Examples> parts);
  bool logs_step() const { return options_.log_every > 0 && state_.step % options_.log_every == 0; }
  void log_step();
  void set_loss(double sum);
  // `waited_s`: what the steps of this epoch have waited for data; `valid`: its figures, or null.
  // While the program has its moving averages for parameters.
  void end_epoch(double waited_s, const DatasetFigures* valid);
  // No more epochs after this one.
  void stop() { done_ = true; }
  // No more steps, and no model: somebody said so. Its checkpoint is removed, where it is its own.
  void abandon();
  bool abandoned() const { return abandoned_; }

  // Saves the position to the checkpoint; whether --checkpoint-every says so after a step, or now
  // that an epoch has ended.
  void save();
  bool save_due() const;
  // Saves where the epoch began. Returns "; PATH has the state after epoch N", nothing in the first one.
  std::string save_epoch_start();
  bool epoch_save_due() const;
  const std::string& checkpoint_path() const { return checkpoint_path_; }
  bool has_saved() const { return has_saved_; }  // the checkpoint, at least once
  // The checkpoint that is this run's own, which it has saved, or goes on from; nothing where there is none,
  // or where it was written in place.
  const std::optional<FileStamp>& own_checkpoint() const { return own_checkpoint_; }
  // Seconds trained so far, including the runs that this one resumes.
  double elapsed_s() const;

  // That with the lowest validation loss, or loss, from 1; 0 before the first epoch's end.
  std::uint64_t best_epoch() const { return state_.epoch == 0 ? 0 : state_.best_epoch + 1; }
  MemberCourse course() const;  // so far
  bool has_best() const { return !state_.best_parameters.empty(); }
  // The best parameters where there is early stopping, else what the program has.
  std::vector<float> result() const;
  // The trained model of result(). `valid`: their figures, or null.
  model::Model finish(std::span<const float> parameters, const DatasetFigures* valid);

 private:
  using Clock = std::chrono::steady_clock;
  using Figures = std::vector<std::pair<std::string, double>>;
  struct Snapshot {
    model::TrainingState state;
    std::vector<float> parameters;
  };

  double learning_rate() const;
  bool note_best(double score);  // of the epoch that ends: whether it is the best so far
  void save_cycle();
  Snapshot snapshot() const;
  std::vector<float> current_parameters() const;
  void save(const Snapshot& snapshot);
  [[noreturn]] void fail_not_finite(std::string_view what, std::uint64_t step);

  TrainOptions options_;
  const TrainingData& data_;
  model::Model model_;
  const Plan& plan_;
  RunLength length_;
  std::string checkpoint_path_;
  std::shared_ptr<const float> start_parameters_;
  backend::Program* program_ = nullptr;
  std::size_t index_ = 0;  // of the program's members
  TrainingLog& log_;
  model::TrainingState state_;
  Snapshot epoch_start_;  // as the current epoch began
  Figures figures_;       // of the last finished epoch
  Clock::time_point start_, saved_;
  double elapsed_before_s_ = 0, ended_s_ = 0;  // of runs before; when the last epoch ended
  double rate_ = 0;                            // of the last step
  std::int64_t epoch_rows_ = 0;                // that this process has trained on in this epoch
  std::string own_options_;                    // an object of JSON, for the log
  bool resumed_ = false, done_ = false, abandoned_ = false, has_saved_ = false;
  std::optional<FileStamp> own_checkpoint_;
};

}  // namespace nn::train
