#include "serving/shared_rows.hpp"

#include <algorithm>
#include <utility>

namespace nn::serving {

std::shared_ptr<PieceRequest> piece_of(const std::shared_ptr<Request>& whole,
                                       std::shared_ptr<const Binding> binding, std::int64_t first,
                                       std::int64_t count) {
  auto piece = std::make_shared<PieceRequest>();
  const std::int64_t rows = whole->rows.rows;
  piece->binding = std::move(binding);
  piece->rows = count == rows ? whole->rows : slice(whole->rows, first, count);
  piece->bytes = rows == 0
                     ? whole->bytes
                     : static_cast<std::uint64_t>(static_cast<double>(whole->bytes) *
                                                  static_cast<double>(count) / static_cast<double>(rows));
  piece->client = whole->client;
  piece->priority = whole->priority;
  piece->arrived = whole->arrived;
  piece->deadline = whole->deadline;
  piece->wants_batch = false;
  piece->whole = whole;
  return piece;
}

PieceCompletion::PieceCompletion(std::shared_ptr<Request> whole, std::size_t count)
    : whole_(std::move(whole)), pieces_(count), left_(count) {}

void PieceCompletion::complete(std::span<std::shared_ptr<Request>> requests) {
  for (auto& request : requests) {
    auto piece = std::static_pointer_cast<PieceRequest>(std::move(request));
    if (piece->state != Request::State::answered && is_vital(*piece))
      given_up_->store(true, std::memory_order_relaxed);
    const std::size_t number = piece->number;
    pieces_[number] = std::move(piece);
    // The last one sees what all others have written.
    if (left_.fetch_sub(1, std::memory_order_acq_rel) > 1) continue;
    Request& whole = *whole_;
    try {
      put_together(whole, pieces_);
      if (whole.state == Request::State::waiting) whole.answer();
    } catch (...) {
      whole.error = error_of(std::current_exception());
      whole.state = Request::State::failed;
    }
    pieces_.clear();
    const auto completion = std::move(whole.completion);
    completion->complete({&whole_, 1});
    whole_.reset();
  }
}

void PieceCompletion::fail(const std::shared_ptr<PieceRequest>& piece, Error error) {
  piece->error = std::move(error);
  piece->state = Request::State::failed;
  piece->completion.reset();
  std::shared_ptr<Request> request = piece;
  complete({&request, 1});
}

// A failure that is the rows' fault counts before those that followed from it.
void PieceCompletion::put_together(Request& whole, std::span<const std::shared_ptr<PieceRequest>> pieces) {
  using State = Request::State;
  whole.waited = pieces.front()->waited;
  for (const auto& piece : pieces) {
    whole.waited = std::min(whole.waited, piece->waited);
    whole.computed = std::max(whole.computed, piece->computed);
    whole.step_rows = std::max(whole.step_rows, piece->step_rows);
  }
  const auto find = [&](State state) {
    return std::find_if(pieces.begin(), pieces.end(),
                        [&](const auto& piece) { return piece->state == state; });
  };
  for (const State state : {State::failed, State::late, State::cancelled}) {
    const auto found = find(state);
    if (found == pieces.end()) continue;
    whole.state = state;
    whole.error = (*found)->error;
    return;
  }
}

}  // namespace nn::serving
