#include "client/members.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"

namespace nn::client {
namespace {

constexpr std::size_t window = 8;                                          // blocks under way at a member
constexpr std::chrono::milliseconds first_pause{10}, longest_pause{1000};  // of one that is late

}  // namespace

Members::Members(asio::io_context& io, DispatchOptions dispatch, std::size_t quorum, Events events)
    : Dispatcher(io, std::move(dispatch), std::move(events)), quorum_(quorum), members_(workers_.size()) {}

std::size_t Members::depth() const { return window; }

void Members::take(Blocks::iterator block) {
  for (std::size_t w = 0; w < workers_.size(); ++w) block->second.unasked.push_back(w);
}

// One that is late gets a block at a time, to see whether it is in time again, and seldom: what it computes,
// most often for nothing, may be computed where the others do.
bool Members::takes_more(std::size_t w) {
  const Worker& worker = workers_[w];
  const Member& member = members_[w];
  if (!is_ready(worker) || worker.stream->outstanding() >= (member.late_since ? 1 : window)) return false;
  const auto when = std::max(worker.stream->not_before(), member.not_before);
  if (clock_.now() >= when) return true;
  dispatch_at(when);
  return false;
}

// Every member gets the blocks in order.
void Members::dispatch() {
  if (!is_known()) return;
  for (auto at = blocks_.begin(); at != blocks_.end() && !broken_;) {
    const auto block = at++;
    std::vector<std::size_t> asked;
    std::erase_if(block->second.unasked, [&](std::size_t w) {
      const bool take = !workers_[w].dropped && takes_more(w);
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
  Member& member = members_[tried.worker];
  if (!member.late_since) return;
  const auto now = clock_.now();
  if (outcome.index() != 0 || now - tried.sent > options_.deadline) {
    if (tried.sent < *member.late_since) return;  // that it was late then is known
    member.pause = std::clamp<Clock::duration>(2 * member.pause, first_pause, longest_pause);
    member.not_before = now + member.pause;
    return;
  }
  member = {};
  note("{} answers in time again", workers_[tried.worker].stream->name());
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
  std::size_t waited_for = 0;
  for (std::size_t w = 0; w < workers_.size(); ++w)
    waited_for += is_waited_for(w) && !done.answers.contains(w);
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
    if (!is_waited_for(w)) continue;
    members_[w].late_since = clock_.now();
    worker.error = fmt::format("late: no answer within {} ms", milliseconds(options_.deadline));
    note("{}: {}", worker.stream->name(), worker.error);
  }
  answer(block, std::move(result));  // a late member's answer tells when it is in time again
}

}  // namespace nn::client
