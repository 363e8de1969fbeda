// Each block of rows to one of several workers that answer alike. For this module only.
#pragma once

#include <algorithm>
#include <deque>

#include "client/balancer.hpp"
#include "client/dispatcher.hpp"

namespace nn::client {

struct ReplicasOptions {
  std::chrono::microseconds hedge{0};  // a second one is asked after, at the earliest; 0: never
  double hedged_share = 0.1;           // of the blocks, at most, and a few more in the beginning
  // Blocks fail while no worker is there, and it goes on; else everything ends then, and when one refuses.
  bool persistent = false;
  std::size_t most_tries = 0;  // of a block, that fail; 0: any number
  // Of the blocks, at most, are asked of another worker since one didn't do what it was asked, and a few more
  // in the beginning; 0: any number. What went down with a connection isn't among them: nobody computes that
  // any more.
  double retried_share = 0;
  std::size_t window = 4;  // blocks under way at a worker, so that it never waits for the next
  BalancerOptions balancer = {};
};

// What clients of a server are told where nobody is there; why that is so is for its log.
Error no_worker(std::string_view why);

// A block goes to the worker that is expected to answer first (balancer.hpp). One that fails for a reason
// that another worker may not have is asked of another; one that takes longer than `hedge`, and than 95 of
// 100 answers did, is asked of a second, and the first answer counts (Dean, Barroso, The Tail at Scale, CACM
// 56-2). Both have budgets.
class Replicas : public Dispatcher {
 public:
  Replicas(asio::io_context& io, DispatchOptions dispatch, ReplicasOptions options, Events events);
  std::size_t depth() const override;

 private:
  void take(Blocks::iterator block) override;
  void dispatch() override;
  void look_at(Blocks::iterator block) override;
  void outcome(Blocks::iterator block, const Try& tried, RemoteOutcome outcome) override;
  void late_outcome(const Try& tried, const RemoteOutcome& outcome) override;
  void refused(std::size_t worker, const Error& why) override;
  void unreached(const std::vector<std::size_t>& workers) override;
  bool needs_all() const override { return false; }

  void ask(Blocks::iterator block, std::size_t worker);
  void look_next(Blocks::iterator block);
  void give_up(Blocks::iterator block);
  void hedge(Blocks::iterator block);
  std::chrono::microseconds hedge_after() const { return std::max(replicas_.hedge, balancer_.usual_time()); }
  void failed(Blocks::iterator block, std::size_t worker, const RemoteFailure& failure);
  void won(const Block& block, std::size_t worker);
  void note(const Try& tried, const RemoteOutcome& outcome);
  void note_late(const Try& tried);
  std::optional<std::size_t> choose(const Block& block);
  std::optional<Clock::time_point> deadline_of(const Block& block) const;
  void nobody_there(const Error& why);
  bool somebody_comes() const;
  BalancerOptions balancer_options();

  ReplicasOptions replicas_;
  Balancer balancer_;
  Budget hedges_, retries_;
  std::deque<std::uint64_t> pending_;  // blocks to be given out
  std::optional<Error> absence_;       // persistent: why nobody is there
};

}  // namespace nn::client
