#include "client/replicas.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"

namespace nn::client {
namespace {

constexpr std::size_t window = 4;  // blocks under way at a worker: it never waits for the next
constexpr double hedged_share = 0.1;
constexpr std::chrono::microseconds finest{500}, coarsest{20'000};  // between looks for a second worker

}  // namespace

Replicas::Replicas(asio::io_context& io, DispatchOptions dispatch, ReplicasOptions options, Events events)
    : Dispatcher(io, std::move(dispatch), std::move(events)),
      replicas_(options),
      balancer_(workers_.size()),
      hedges_(hedged_share, static_cast<double>(2 * window * workers_.size())) {}

std::size_t Replicas::depth() const { return window * workers_.size() + 2; }

void Replicas::take(Blocks::iterator block) {
  if (absence_) return fail(block, *absence_);
  pending_.push_back(block->first);
  hedges_.earn();
  if (block->second.deadline) look_again(block, *block->second.deadline);
}

std::optional<Clock::time_point> Replicas::deadline_of(const Block& block) const {
  if (block.deadline) return block.deadline;
  if (options_.deadline.count() > 0 && block.sent) return *block.sent + options_.deadline;
  return std::nullopt;
}

// Of those that take more and have not been asked.
std::optional<std::size_t> Replicas::choose(const Block& block) {
  const auto now = clock_.now();
  std::vector<Balancer::Candidate> candidates;
  for (std::size_t w = 0; w < workers_.size(); ++w) {
    const Worker& worker = workers_[w];
    if (worker.dropped || !is_ready(worker) || worker.stream->outstanding() >= window) continue;
    if (std::any_of(block.open.begin(), block.open.end(), [&](const Try& t) { return t.worker == w; }))
      continue;
    if (now < worker.stream->not_before()) {
      dispatch_at(worker.stream->not_before());
      continue;
    }
    candidates.push_back({w, worker.under_way});
  }
  return balancer_.choose(candidates, block.rows.rows, now);
}

void Replicas::dispatch() {
  if (absence_ &&
      std::any_of(workers_.begin(), workers_.end(), [this](const Worker& w) { return is_ready(w); })) {
    absence_.reset();
  }
  while (!pending_.empty() && !broken_) {
    const auto block = blocks_.find(pending_.front());
    if (block != blocks_.end()) {
      const auto worker = choose(block->second);
      if (!worker) return;
      pending_.pop_front();
      ask(block, *worker);
    } else {
      pending_.pop_front();
    }
  }
}

void Replicas::ask(Blocks::iterator block, std::size_t worker) {
  Block& asked = block->second;
  const auto now = clock_.now();
  if (!asked.sent) asked.sent = now;
  const auto deadline = deadline_of(asked);
  std::optional<std::chrono::microseconds> left;
  if (deadline) left = std::chrono::duration_cast<std::chrono::microseconds>(*deadline - now);
  if (!send(block, worker, left)) return;
  if (asked.open.size() == 1 && replicas_.hedge.count() > 0) asked.hedge_at = now + replicas_.hedge;
  look_next(block);
}

void Replicas::look_next(Blocks::iterator block) {
  const auto deadline = deadline_of(block->second);
  const auto hedge = block->second.hedge_at;
  if (!deadline && !hedge) return;
  look_again(block, deadline && hedge ? std::min(*deadline, *hedge) : deadline ? *deadline : *hedge);
}

void Replicas::look_at(Blocks::iterator block) {
  Block& late = block->second;
  const auto now = clock_.now();
  const auto deadline = deadline_of(late);
  if (deadline && now >= *deadline) {
    for (const Try& tried : late.open) {
      note_failure(tried.worker);
      workers_[tried.worker].stream->cancel(tried.id);
    }
    Error why =
        make_error(ErrorKind::unavailable, "no answer").within(fmt::format("row {}", late.rows.first_row));
    why = late.deadline ? why.advise(" in time")
                        : why.advise(" within --deadline ({} ms)", milliseconds(options_.deadline));
    return fail(block, why);
  }
  if (late.hedge_at && now >= *late.hedge_at) hedge(block);
  look_next(block);
}

void Replicas::hedge(Blocks::iterator block) {
  Block& late = block->second;
  const auto other = late.open.size() == 1 ? choose(late) : std::nullopt;
  if (!other || !hedges_.spend()) {  // perhaps somebody is free soon
    late.hedge_at =
        clock_.now() + std::clamp<std::chrono::microseconds>(replicas_.hedge / 4, finest, coarsest);
    return;
  }
  late.hedge_at.reset();
  nn::note("block {} is late at {}, {} is asked as well", block->first,
           workers_[late.open[0].worker].stream->name(), workers_[*other].stream->name());
  ask(block, *other);
}

void Replicas::outcome(Blocks::iterator block, const Try& tried, RemoteOutcome outcome) {
  note(tried, outcome);
  if (const auto* failure = std::get_if<RemoteFailure>(&outcome)) return failed(block, *failure);
  for (const Try& other : block->second.open) {
    note_failure(other.worker);  // it was asked before, and is late
    workers_[other.worker].stream->cancel(other.id);
  }
  workers_[tried.worker].rows += static_cast<std::uint64_t>(block->second.rows.rows);
  BlockAnswer result;
  result.parts.push_back({tried.worker, std::move(std::get<RemoteAnswer>(outcome))});
  answer(block, std::move(result));
}

void Replicas::late_outcome(const Try& tried, const RemoteOutcome& outcome) {
  if (outcome.index() == 0) note(tried, outcome);
}

// What an outcome says of the worker.
void Replicas::note(const Try& tried, const RemoteOutcome& outcome) {
  if (const auto* failure = std::get_if<RemoteFailure>(&outcome)) {
    const bool its_fault = failure->code == wire::Code::device || failure->code == wire::Code::internal;
    if (its_fault) note_failure(tried.worker);
    return;
  }
  const auto now = clock_.now();
  balancer_.answered(tried.worker, tried.ahead, now - tried.sent, now);
}

void Replicas::note_failure(std::size_t worker) {
  if (!balancer_.failed(worker, clock_.now())) return;
  nn::note("{} failed {} times in a row, and is left out for a while", options_.workers[worker]->name(),
           Balancer::most_failures);
}

void Replicas::failed(Blocks::iterator block, const RemoteFailure& failure) {
  Block& tried = block->second;
  if (failure.code == wire::Code::deadline && deadline_of(tried)) return;  // look_at() says so
  const bool another = is_worth_another(failure.code);
  if (another && !tried.open.empty()) return;
  if (another && (replicas_.most_tries == 0 || ++tried.failed_tries < replicas_.most_tries)) {
    tried.hedge_at.reset();
    pending_.push_front(block->first);
    return;
  }
  for (const Try& other : tried.open) workers_[other.worker].stream->cancel(other.id);
  fail(block, failure.error);
}

// Replicas that refuse have another model, or none: no answer of the others is right then.
void Replicas::refused(std::size_t worker, const Error& why) {
  const bool not_reached = why.kind() == ErrorKind::unavailable || why.kind() == ErrorKind::io;
  if (!not_reached && !replicas_.persistent) return break_down(why);
  drop(worker);
  if (alive() == 0) return nobody_there(why);
  warn("{}; going on without it, {} of {} workers left", why.what(), alive(), workers_.size());
}

void Replicas::unreached(const std::vector<std::size_t>& missing) {
  const bool any = std::any_of(workers_.begin(), workers_.end(),
                               [&](const Worker& worker) { return !worker.dropped && is_ready(worker); });
  if (!any) {
    if (missing.size() < alive()) return;
    const std::string others =
        workers_.size() > 1 ? fmt::format(" (as are all {} workers)", workers_.size()) : "";
    const Error why = workers_[missing[0]].stream->error().as(ErrorKind::unavailable).advise("{}", others);
    return nobody_there(why);
  }
  for (const std::size_t w : missing) {
    if (std::exchange(workers_[w].reported, true)) continue;
    warn("{}; the other workers go on without it", workers_[w].stream->error().what());
  }
}

void Replicas::nobody_there(const Error& why) {
  if (!replicas_.persistent) return break_down(why);
  absence_ = why;
  pending_.clear();
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, block] : blocks_) numbers.push_back(number);
  for (const std::uint64_t number : numbers) {
    if (const auto block = blocks_.find(number); block != blocks_.end()) fail(block, why);
  }
}

}  // namespace nn::client
