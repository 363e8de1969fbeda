// How far all members of a run are: for a terminal, and in messages.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "train/live_view.hpp"
#include "train/log.hpp"
#include "train/options.hpp"

namespace nn::train {

class Member;

// Draws a live view on standard error, where that is a terminal that moves its cursor; tells each epoch in a
// line with --verbose, and at most one a second where a terminal moves none; SIGUSR1 has it tell where things
// stand. Thread-safe.
class SharedProgress : public RunObserver {
 public:
  // `members` outlive it; each has an epoch of so many rows and steps.
  SharedProgress(const std::vector<TrainOptions>& members, std::int64_t rows, std::uint64_t steps_per_epoch);
  SharedProgress(const SharedProgress&) = delete;
  SharedProgress& operator=(const SharedProgress&) = delete;
  ~SharedProgress() override;

  // A member begins where a checkpoint has left it; before its first step.
  void resumed(const Member& member);
  // After a step of `member`.
  void add(const Member& member, std::chrono::steady_clock::time_point now);
  void epoch_ended(const LogRecord& record) override;
  void member_ended(std::int64_t member) override;

 private:
  using Clock = std::chrono::steady_clock;
  struct Course {
    std::uint64_t epochs = 0;  // done
    std::uint64_t steps = 0;   // done, or not to be done any more
    bool ended = false;
  };
  // Members are numbered on from the first one: that of a fold is alone, and may have any number.
  std::size_t place_of(std::int64_t member) const {
    return static_cast<std::size_t>(member - members_.front().member);
  }
  Course& course_of(std::int64_t member) { return courses_[place_of(member)]; }
  std::uint64_t steps_of_member() const;
  void end(Course& course);
  LiveView view() const;
  void draw();
  void tell(const LogRecord& record);
  void take_figures(const LogRecord& record);

  const std::vector<TrainOptions>& members_;
  const bool draws_;
  const double rows_per_step_;
  const std::uint64_t steps_per_epoch_, total_steps_;
  const Clock::time_point start_;
  std::atomic<std::uint64_t> done_{
      0};  // steps, also those of runs before, and those that nobody does any more
  std::atomic<Clock::time_point> next_;

  mutable std::mutex mutex_;    // of all below
  std::uint64_t not_here_ = 0;  // of done_: steps that this process hasn't done
  std::vector<Course> courses_;
  std::size_t failed_ = 0;
  double loss_ = 0;  // of the only member, in its epoch
  std::vector<LiveFigure> figures_;
  std::optional<LiveView::Best> best_;
  Clock::time_point told_{};
};

}  // namespace nn::train
