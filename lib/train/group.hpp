// Members that are trained step by step together, in one program. Internal to lib/train.
#pragma once

#include <memory>
#include <vector>

#include "base/queue.hpp"
#include "train/batch_loader.hpp"
#include "train/member.hpp"
#include "train/progress.hpp"

namespace nn::train {

// What all members of a run have in common.
struct Common {
  const TrainingData& data;
  const model::Model& model;
  const Plan& plan;
  TrainingLog& log;
  SharedProgress& progress;
  bool several;
  const Coordinator* threads;  // null: there is one only
  bool stopping() const;
};

// One thread, that of the backend.
class Crew {
 public:
  using Members = std::vector<std::unique_ptr<Member>>;

  // All is borrowed but the members, which are at the same place of their runs or done.
  Crew(const Common& common, backend::Backend& backend, Members members);

  bool done() const { return lead() == nullptr; }
  std::uint64_t epoch() const { return lead()->state().epoch; }  // not when done
  // Throws Interrupted when the run is to stop.
  void run_epoch();
  // Where the members are, as checkpoints.
  void save();
  // Where they were when the epoch began: their device has failed. What Member::save_good() says.
  std::string save_good();
  // Null: a member that failed.
  const Members& members() const { return members_; }
  // The models of those that didn't fail, into each one's place.
  void finish(std::vector<model::Model>& models);

 private:
  const Member* lead() const;  // the first that is still at work; null: there is none
  bool works(std::size_t m) const { return members_[m] != nullptr && !members_[m]->done(); }
  Steps& steps_of(std::size_t m) { return *steps_[steps_.size() > 1 ? m : 0]; }
  // f(m) for each that is still at work.
  template <typename F>
  void for_working(F f) {
    for (std::size_t m = 0; m < members_.size(); ++m) {
      if (works(m)) f(m);
    }
  }
  template <typename F>
  void attempt(std::size_t m, F f);
  bool step();
  void read_losses();
  bool in_time();
  std::vector<DatasetFigures> validate();
  void end_epoch(double waited_s, bool last);

  const Common& common_;
  Members members_;
  std::int64_t batch_;
  std::vector<std::unique_ptr<Steps>> steps_;  // one for all, or one for each
  std::unique_ptr<backend::Program> program_;
  std::vector<backend::Step> next_;  // of each member
  std::vector<double> losses_;
  std::uint64_t unread_ = 0;  // steps whose losses weren't read yet
};

// The number of a member, from 0.
std::size_t index_of(const TrainOptions& options);

}  // namespace nn::train
