#include "sweep/proposer.hpp"

#include <chrono>
#include <utility>

namespace nn::sweep {
namespace {

// What takes no longer is made when it is needed, with all results in sight.
constexpr double quick_s = 1e-3;
// A trial that takes so many times as long may wait for its proposal.
constexpr double long_trial = 500;

}  // namespace

Proposer::Proposer(study::Study& study, study::Propose propose, Clock& clock, std::function<void()> ready)
    : study_(study), propose_(std::move(propose)), clock_(clock), ready_(std::move(ready)) {}

Proposer::~Proposer() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::optional<search::Proposal> Proposer::at_once(std::uint32_t number) {
  const auto start = clock_.now();
  auto proposal = study_.proposal_for(number, propose_);
  cost_s_ = std::chrono::duration<double>(clock_.now() - start).count();
  return proposal;
}

std::optional<search::Proposal> Proposer::next(std::uint32_t number, double trial_s) {
  waiting_ = false;
  if (!ready_ || cost_s_ <= quick_s) return at_once(number);
  wanted_ = true;
  std::optional<Ready> ready;
  {
    const std::lock_guard lock(mutex_);
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    if (answer_) {
      ready = std::exchange(answer_, std::nullopt);
      cost_s_ = answer_cost_s_;
    }
  }
  if (ready) {
    const bool is_fresh = ready->finished == study_.log().finished() || trial_s < cost_s_ * long_trial;
    if (!ready->proposal) return std::nullopt;
    // Asked again for the same it would propose the same again.
    if (is_fresh && study_.is_known(ready->proposal->point)) return at_once(number);
    if (is_fresh) return std::move(ready->proposal);
  }
  waiting_ = true;
  return std::nullopt;
}

void Proposer::look_ahead() {
  if (!wanted_) return;
  {
    const std::lock_guard lock(mutex_);
    if (question_ || (answer_ && answer_->finished == study_.log().finished())) return;
  }
  auto question = study_.question();
  const std::lock_guard lock(mutex_);
  question_ = std::move(question);
  if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
  changed_.notify_all();
}

void Proposer::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return over_ || question_; });
    if (over_) return;
    const auto& question = *question_;  // nobody else touches it until it is answered
    lock.unlock();
    std::optional<search::Proposal> proposal;
    std::exception_ptr failure;
    const auto start = std::chrono::steady_clock::now();
    try {
      proposal = study::Study::answer(question, propose_);
    } catch (...) {
      failure = std::current_exception();
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    lock.lock();
    failure_ = failure;
    answer_ = Ready{std::move(proposal), question.finished};
    answer_cost_s_ = took.count();
    question_.reset();
    lock.unlock();
    ready_();
    lock.lock();
  }
}

}  // namespace nn::sweep
