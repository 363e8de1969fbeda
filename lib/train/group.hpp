// A training group: members that are trained step by step together, in one program. Internal to lib/train.
#pragma once

#include <memory>
#include <vector>

#include "base/queue.hpp"
#include "train/batch_loader.hpp"
#include "train/control.hpp"
#include "train/member.hpp"
#include "train/progress.hpp"

namespace nn::train {

// The run context is what all members of a run share. All is borrowed.
struct RunContext {
  const TrainingData& data;
  const model::Model& model;
  const Plan& plan;
  TrainingLog& log;
  SharedProgress& progress;
  Control& control;
  bool several;
  const Coordinator* threads;  // null: there is one only
  bool stopping() const;
};

// One thread, that of the backend.
class TrainingGroup {
 public:
  using Members = std::vector<std::unique_ptr<Member>>;

  // All is borrowed but the members, which are at the same place of their runs or done.
  TrainingGroup(const RunContext& context, backend::Backend& backend, Members members);

  bool done() const { return lead() == nullptr; }
  std::uint64_t epoch() const { return lead()->state().epoch; }  // not when done
  // Throws Interrupted when the run is to stop.
  void run_epoch();
  // Saves checkpoints of where the members are.
  void save();
  // After a device has failed: saves checkpoints of the start of the epoch, and returns the parts of a
  // message that Member::save_epoch_start() gives.
  std::string save_epoch_start();
  // Null: a member that failed. Some may have been abandoned.
  const Members& members() const { return members_; }
  // The models of those that neither failed nor were abandoned, into each one's place.
  void finish(std::vector<model::Model>& models);

 private:
  const Member* lead() const;  // the first that is still at work; null: there is none
  bool is_active(std::size_t m) const { return members_[m] != nullptr && !members_[m]->done(); }
  BatchLoader& loader_of(std::size_t m) { return *loaders_[loaders_.size() > 1 ? m : 0]; }
  // f(m) for each that is still at work.
  template <typename F>
  void for_each_active(F f) {
    for (std::size_t m = 0; m < members_.size(); ++m) {
      if (is_active(m)) f(m);
    }
  }
  template <typename F>
  void attempt(std::size_t m, F f);
  void abandon_stopped();
  bool step();
  void read_losses();
  bool save_and_check_time();
  std::vector<DatasetFigures> validate();
  void end_epoch(double waited_s, bool last);

  const RunContext& context_;
  Members members_;
  std::int64_t batch_;
  std::vector<std::unique_ptr<BatchLoader>> loaders_;  // one for all, or one for each
  std::unique_ptr<backend::Program> program_;
  std::vector<backend::Step> next_;  // of each member
  std::vector<double> losses_;
  std::uint64_t unread_ = 0;  // steps whose losses weren't read yet
};

// The number of a member, from 1, and from 0.
std::int64_t number_of(const TrainOptions& options);
std::size_t index_of(const TrainOptions& options);

}  // namespace nn::train
