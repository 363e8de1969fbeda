// Each block of rows to all members of an ensemble, one at each worker. For this module only.
#pragma once

#include "client/dispatcher.hpp"

namespace nn::client {

// A block is answered when all members have that are waited for. With a quorum, members that are lost are
// left out while enough are left, and so is one that misses the deadline, until it answers in time again.
class Members : public Dispatcher {
 public:
  // `quorum`: members that suffice; 0: all.
  Members(asio::io_context& io, DispatchOptions dispatch, std::size_t quorum, Events events);
  std::size_t depth() const override;

 private:
  void take(Blocks::iterator block) override;
  void dispatch() override;
  void look_at(Blocks::iterator block) override;
  void outcome(Blocks::iterator block, const Try& tried, RemoteOutcome outcome) override;
  void late_outcome(const Try& tried, const RemoteOutcome& outcome) override;
  void refused(std::size_t worker, const Error& why) override { lose(worker, why); }
  void unreached(const std::vector<std::size_t>& workers) override;
  bool needs_all() const override { return true; }

  std::size_t needed() const { return quorum_ > 0 ? quorum_ : workers_.size(); }
  void lose(std::size_t worker, const Error& why);
  bool takes_more(std::size_t worker);
  bool is_waited_for(std::size_t w) const { return !workers_[w].dropped && !members_[w].late_since; }
  void note_in_time(const Try& tried, const RemoteOutcome& outcome);
  void finish(Blocks::iterator block);

  // One that was late is not waited for until it is in time again.
  struct Member {
    std::optional<Clock::time_point> late_since;
    Clock::duration pause{0};  // between the blocks that it is tried with
    Clock::time_point not_before{};
  };
  const std::size_t quorum_;
  std::vector<Member> members_;  // by worker
};

}  // namespace nn::client
