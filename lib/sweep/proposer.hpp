// Proposals for the next trials: made at once where that is quick, else in a thread ahead of need. For this
// module only.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "base/clock.hpp"
#include "study/study.hpp"

namespace nn::sweep {

// Used by one thread, besides its own.
class Proposer {
 public:
  // `ready` is called from the thread when a proposal is there that next() did not have; without it there is
  // no thread, and all are made at once. The study outlives it.
  Proposer(study::Study& study, study::Propose propose, Clock& clock, std::function<void()> ready = {});
  Proposer(const Proposer&) = delete;
  ~Proposer();  // waits for what the thread is at

  // Within a commit, for Study::next(). Nothing where the space is exhausted, or none is ready
  // (is_waiting()). One that is ready lacks the results of the last trials; where trials take long, compared
  // with a proposal, it is made anew with them. `trial_s` is how long trials take, by their mean; 0: not
  // known. Errors of the thread are thrown here.
  std::optional<search::Proposal> next(std::uint32_t number, double trial_s);
  // The last next() had none ready; ready() will be called.
  bool is_waiting() const { return waiting_; }
  // After a commit: has the thread make the next one, where that is to be.
  void look_ahead();

 private:
  struct Ready {
    std::optional<search::Proposal> proposal;
    std::size_t finished = 0;  // trials that it knows
  };
  std::optional<search::Proposal> at_once(std::uint32_t number);
  void work();

  study::Study& study_;
  const study::Propose propose_;
  Clock& clock_;
  const std::function<void()> ready_;
  double cost_s_ = 0;  // of the last proposal
  bool waiting_ = false, wanted_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<study::Study::Question> question_;  // that the thread is to answer, or is at
  std::optional<Ready> answer_;
  std::exception_ptr failure_;
  double answer_cost_s_ = 0;
  bool over_ = false;
  std::thread thread_;
};

}  // namespace nn::sweep
