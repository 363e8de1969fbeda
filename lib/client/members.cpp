#include "client/members.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"

namespace nn::client {
namespace {

constexpr std::size_t window = 8;  // blocks under way at a member

}  // namespace

Members::Members(asio::io_context& io, DispatchOptions dispatch, std::size_t quorum, Events events)
    : Dispatcher(io, std::move(dispatch), std::move(events)), quorum_(quorum) {}

std::size_t Members::depth() const { return window; }

void Members::take(Blocks::iterator block) {
  for (std::size_t w = 0; w < workers_.size(); ++w) block->second.unasked.push_back(w);
}

// One that is late gets a block at a time, to see whether it is in time again.
bool Members::takes_more(const Worker& worker) {
  if (!is_ready(worker) || worker.stream->outstanding() >= (worker.late ? 1 : window)) return false;
  if (clock_.now() >= worker.stream->not_before()) return true;
  dispatch_at(worker.stream->not_before());
  return false;
}

// Every member gets the blocks in order.
void Members::dispatch() {
  if (!is_known()) return;
  for (auto at = blocks_.begin(); at != blocks_.end() && !broken_;) {
    const auto block = at++;
    std::vector<std::size_t> asked;
    std::erase_if(block->second.unasked, [&](std::size_t w) {
      const bool take = !workers_[w].dropped && takes_more(workers_[w]);
      if (take) asked.push_back(w);
      return take || workers_[w].dropped;
    });
    for (const std::size_t w : asked) {
      const bool first = !block->second.sent;
      if (!send(block, w, std::nullopt)) break;
      if (!first) continue;
      block->second.sent = clock_.now();
      if (options_.deadline.count() > 0) look_again(block, *block->second.sent + options_.deadline);
    }
  }
}

void Members::look_at(Blocks::iterator block) { finish(block); }

void Members::outcome(Blocks::iterator block, const Try& tried, RemoteOutcome outcome) {
  note_in_time(tried, outcome);
  if (auto* answer = std::get_if<RemoteAnswer>(&outcome)) {
    block->second.answers[tried.worker] = std::move(*answer);
    return finish(block);
  }
  const RemoteFailure& failure = std::get<RemoteFailure>(outcome);
  if (is_worth_another(failure.code)) {
    block->second.unasked.push_back(tried.worker);
  } else {
    lose(tried.worker, failure.error);
  }
}

void Members::late_outcome(const Try& tried, const RemoteOutcome& outcome) { note_in_time(tried, outcome); }

void Members::note_in_time(const Try& tried, const RemoteOutcome& outcome) {
  Worker& worker = workers_[tried.worker];
  if (!worker.late || outcome.index() != 0 || clock_.now() - tried.sent > options_.deadline) return;
  worker.late = false;
  note("{} answers in time again", worker.stream->name());
}

// A member is lost for good; the others go on while they are enough.
void Members::lose(std::size_t w, const Error& why) {
  if (workers_[w].dropped) return;
  workers_[w].error = why.what();
  drop(w);
  if (alive() >= needed()) {
    return warn("{}; going on without it, {} of {} members left", why.what(), alive(), workers_.size());
  }
  break_down(quorum_ == 0 ? why.advise(" (--quorum would go on without it)")
                          : why.advise("; {} of {} members left, --quorum asks for {}", alive(),
                                       workers_.size(), needed()));
}

void Members::unreached(const std::vector<std::size_t>& missing) {
  for (const std::size_t w : missing) {
    if (!broken_) lose(w, workers_[w].stream->error());
  }
}

// If everybody has answered who is waited for.
void Members::finish(Blocks::iterator block) {
  Block& done = block->second;
  const auto waited_for =
      static_cast<std::size_t>(std::count_if(workers_.begin(), workers_.end(), [&](const Worker& w) {
        return !w.dropped && !w.late &&
               !done.answers.contains(static_cast<std::size_t>(&w - workers_.data()));
      }));
  const bool over =
      options_.deadline.count() > 0 && done.sent && clock_.now() >= *done.sent + options_.deadline;
  if (done.answers.size() < needed() || (waited_for > 0 && !over)) return;
  BlockAnswer result;
  const auto rows = static_cast<std::uint64_t>(done.rows.rows);
  for (std::size_t w = 0; w < workers_.size(); ++w) {
    Worker& worker = workers_[w];
    const auto answer = done.answers.find(w);
    if (answer != done.answers.end()) {
      worker.rows += rows;
      result.parts.push_back({w, std::move(answer->second)});
      continue;
    }
    worker.missed += rows;
    if (worker.dropped || worker.late) continue;
    worker.late = true;
    worker.error = fmt::format("late: no answer within {} ms", milliseconds(options_.deadline));
    note("{}: {}", worker.stream->name(), worker.error);
  }
  answer(block, std::move(result));  // a late member's answer tells when it is in time again
}

}  // namespace nn::client
