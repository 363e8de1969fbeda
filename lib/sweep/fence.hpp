// When an agent has to end its trials by itself: others begin them again when they hear nothing from their
// run.
#pragma once

#include <cstdint>
#include <map>

#include "base/clock.hpp"

namespace nn::sweep {

// The agent asks from time to time, and an answer means that the run was alive when it was asked, or somewhat
// before: however long messages take, nobody is sure of more than that. One thread.
class Fence {
 public:
  Fence(const Clock& clock, Clock::duration lease) : clock_(clock), lease_(lease), sure_(clock.now()) {}

  // How often to look, here and whether it is time to ask.
  Clock::duration pause() const { return lease_ / 16; }
  bool may_ask() const { return clock_.now() - asked_at_ >= lease_ / 8; }
  // The number of the question that is put now.
  std::uint64_t ask() {
    asked_at_ = clock_.now();
    asked_[++last_] = asked_at_;
    return last_;
  }
  // `age`: of the last proof that others have of the run's life. Answers to what was never asked don't count.
  void answer(std::uint64_t question, Clock::duration lease, Clock::duration age) {
    const auto found = asked_.find(question);
    if (found == asked_.end()) return;
    lease_ = lease;
    if (found->second - age > sure_) sure_ = found->second - age;
    asked_.erase(asked_.begin(), ++asked_.find(question));
  }
  // Half a lease is over: trials end now, within the time that is left.
  bool must_end() const { return clock_.now() - sure_ >= lease_ / 2; }
  // Between SIGTERM and SIGKILL then.
  Clock::duration time_to_end() const { return lease_ / 4; }

  // How long after a connection was lost, or a run died, an agent of this lease may have trials.
  static Clock::duration longest(Clock::duration lease) { return lease - lease / 4 + lease / 16; }

 private:
  const Clock& clock_;
  Clock::duration lease_;
  Clock::time_point sure_, asked_at_{};
  std::map<std::uint64_t, Clock::time_point> asked_;
  std::uint64_t last_ = 0;
};

}  // namespace nn::sweep
