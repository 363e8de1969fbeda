#include "serving/shared_rows.hpp"

#include <algorithm>
#include <utility>

namespace nn::serving {

PieceCompletion::PieceCompletion(std::shared_ptr<Request> whole, std::size_t count)
    : whole_(std::move(whole)), pieces_(count) {}

std::shared_ptr<PieceRequest> PieceCompletion::piece(const std::shared_ptr<PieceCompletion>& self,
                                                     std::size_t number,
                                                     std::shared_ptr<const Binding> binding,
                                                     std::int64_t first, std::int64_t count) const {
  auto piece = std::make_shared<PieceRequest>();
  const Request& whole = *whole_;
  const std::int64_t rows = whole.rows.rows;
  piece->binding = std::move(binding);
  piece->rows = count == rows ? whole.rows : slice(whole.rows, first, count);
  piece->bytes = whole.bytes;
  if (rows > 0)
    piece->bytes = whole.bytes / static_cast<std::uint64_t>(rows) * static_cast<std::uint64_t>(count);
  piece->client = whole.client;
  piece->priority = whole.priority;
  piece->arrived = whole.arrived;
  piece->deadline = whole.deadline;
  piece->wants_batch = false;
  piece->whole = whole_;
  piece->given_up = given_up_;
  piece->number = number;
  piece->completion = self;
  return piece;
}

void PieceCompletion::complete(std::span<std::shared_ptr<Request>> requests) {
  for (auto& request : requests) {
    auto piece = std::static_pointer_cast<PieceRequest>(std::move(request));
    if (piece->state != Request::State::answered && needs_all())
      given_up_->store(true, std::memory_order_relaxed);
    {
      const std::lock_guard lock(mutex_);
      if (finished_) continue;
      const std::size_t number = piece->number;
      pieces_[number] = std::move(piece);
      finished_ = ++back_ == pieces_.size() || (time_is_up_ && is_enough(pieces_));
      if (!finished_) continue;
    }
    finish();
  }
}

void PieceCompletion::time_is_up() {
  {
    const std::lock_guard lock(mutex_);
    time_is_up_ = true;
    if (finished_ || !is_enough(pieces_)) return;
    finished_ = true;
  }
  finish();
}

void PieceCompletion::finish() {
  given_up_->store(true, std::memory_order_relaxed);
  const std::shared_ptr<Request> keeps = whole_;
  Request& whole = *whole_;
  try {
    put_together(whole, pieces_);
    if (whole.state == Request::State::waiting) whole.answer();
  } catch (...) {
    whole.error = error_of(std::current_exception());
    whole.state = Request::State::failed;
  }
  pieces_.clear();  // each of them has the whole
  const auto completion = std::move(whole.completion);
  completion->complete({&whole_, 1});
  whole_.reset();
}

void PieceCompletion::fail(const std::shared_ptr<PieceRequest>& piece, Error error) {
  piece->error = std::move(error);
  piece->state = Request::State::failed;
  piece->completion.reset();
  std::shared_ptr<Request> request = piece;
  complete({&request, 1});
}

void PieceCompletion::note_times(Request& whole, Pieces pieces) {
  whole.waited = std::chrono::microseconds::max();
  for (const auto& piece : pieces) {
    if (!piece) continue;
    whole.waited = std::min(whole.waited, piece->waited);
    if (piece->computed >= whole.computed && !piece->device.empty()) whole.device = piece->device;
    whole.computed = std::max(whole.computed, piece->computed);
    whole.step_rows = std::max(whole.step_rows, piece->step_rows);
  }
}

// A failure counts before those that followed from it.
void PieceCompletion::put_together(Request& whole, Pieces pieces) {
  using State = Request::State;
  note_times(whole, pieces);
  for (const State state : {State::failed, State::late, State::cancelled}) {
    const auto found = std::find_if(pieces.begin(), pieces.end(),
                                    [&](const auto& piece) { return piece && piece->state == state; });
    if (found == pieces.end()) continue;
    whole.state = state;
    whole.error = (*found)->error;
    return;
  }
}

}  // namespace nn::serving
