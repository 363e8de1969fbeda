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
  bool takes_more(const Worker& worker);
  void note_in_time(const Try& tried, const RemoteOutcome& outcome);
  void finish(Blocks::iterator block);

  const std::size_t quorum_;
};

}  // namespace nn::client
