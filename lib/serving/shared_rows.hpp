// A request whose rows are computed by several servables: pieces of it, or all of it by each.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "serving/servable.hpp"

namespace nn::serving {

// A piece of a request that another servable computes: it is over when the whole is, and goes by its priority
// and deadline.
struct PieceRequest : Request {
  bool is_cancelled() const override {
    return given_up->load(std::memory_order_relaxed) || whole->is_cancelled();
  }
  std::shared_ptr<Request> whole;
  std::shared_ptr<std::atomic<bool>> given_up;  // the whole is answered, or has failed
  std::size_t number = 0;
};

// Gathers pieces, and ends the whole when all are back, or enough. Thread-safe.
class PieceCompletion : public Completion {
 public:
  using Pieces = std::span<const std::shared_ptr<PieceRequest>>;

  PieceCompletion(std::shared_ptr<Request> whole, std::size_t count);
  void complete(std::span<std::shared_ptr<Request>> requests) override;
  // Rows [first, first + count) of the whole as the piece of that number, to be answered by the binding. It
  // is to be submitted, or given to fail().
  std::shared_ptr<PieceRequest> piece(const std::shared_ptr<PieceCompletion>& self, std::size_t number,
                                      std::shared_ptr<const Binding> binding, std::int64_t first,
                                      std::int64_t count) const;
  // One that nobody has taken.
  void fail(const std::shared_ptr<PieceRequest>& piece, Error error);
  // From now on nobody is waited for once enough pieces are back.
  void time_is_up();

 protected:
  // Says in the whole's state and error how it ends; where its outputs are there, the state stays `waiting`.
  // Pieces by their numbers; null are those that were not waited for. Called once, in the thread of the last
  // piece, or where the time was up.
  virtual void put_together(Request& whole, Pieces pieces);
  // Whether the whole can be answered without those that aren't back.
  virtual bool is_enough(Pieces) const { return false; }
  // Whether the others are pointless once one has failed.
  virtual bool needs_all() const { return true; }
  static void note_times(Request& whole, Pieces pieces);

 private:
  void finish();

  std::shared_ptr<Request> whole_;
  const std::shared_ptr<std::atomic<bool>> given_up_ = std::make_shared<std::atomic<bool>>(false);
  std::mutex mutex_;
  std::vector<std::shared_ptr<PieceRequest>> pieces_;
  std::size_t back_ = 0;
  bool finished_ = false, time_is_up_ = false;
};

}  // namespace nn::serving
