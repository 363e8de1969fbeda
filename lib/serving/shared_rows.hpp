// A request whose rows are computed by several servables: pieces of it, or all of it by each.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "serving/servable.hpp"

namespace nn::serving {

// A piece of a request that another servable computes: it is over when the whole is, and goes by its priority
// and deadline.
struct PieceRequest : Request {
  bool is_cancelled() const override {
    return whole->is_cancelled() || given_up->load(std::memory_order_relaxed);
  }
  std::shared_ptr<Request> whole;
  std::shared_ptr<std::atomic<bool>> given_up;  // the whole has failed
  std::size_t number = 0;
};

// Rows [first, first + count) of the request as a request of their own, to be answered by the binding.
std::shared_ptr<PieceRequest> piece_of(const std::shared_ptr<Request>& whole,
                                       std::shared_ptr<const Binding> binding, std::int64_t first,
                                       std::int64_t count);

// Gathers pieces, and ends the whole when all are back. Thread-safe.
class PieceCompletion : public Completion {
 public:
  PieceCompletion(std::shared_ptr<Request> whole, std::size_t count);
  const std::shared_ptr<std::atomic<bool>>& given_up() const { return given_up_; }
  void complete(std::span<std::shared_ptr<Request>> requests) override;
  // One that nobody has taken.
  void fail(const std::shared_ptr<PieceRequest>& piece, Error error);

 protected:
  // All pieces are back, by their numbers: says in the whole's state and error how it ends, and where its
  // outputs are there, `waiting` stays. Called once, in the thread of the last piece.
  virtual void put_together(Request& whole, std::span<const std::shared_ptr<PieceRequest>> pieces);
  // Whether the others are pointless once this one has failed.
  virtual bool is_vital(const PieceRequest&) const { return true; }

 private:
  std::shared_ptr<Request> whole_;
  std::shared_ptr<std::atomic<bool>> given_up_ = std::make_shared<std::atomic<bool>>(false);
  std::vector<std::shared_ptr<PieceRequest>> pieces_;
  std::atomic<std::size_t> left_;
};

}  // namespace nn::serving
