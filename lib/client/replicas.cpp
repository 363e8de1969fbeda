#include "client/replicas.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"

namespace nn::client {
namespace {

constexpr std::size_t first_retries = 10;                           // that are there in the beginning
constexpr std::chrono::microseconds finest{500}, coarsest{20'000};  // between looks for a second worker
constexpr std::chrono::milliseconds while_asked{20};  // between looks whether anybody still waits

std::vector<std::shared_ptr<WorkerRecord>> records_of(
    const std::vector<std::shared_ptr<Connection>>& workers) {
  std::vector<std::shared_ptr<WorkerRecord>> out;
  out.reserve(workers.size());
  for (const auto& worker : workers) out.push_back(worker->record());
  return out;
}

}  // namespace

Error no_worker(std::string_view why) {
  return make_error(ErrorKind::unavailable, "no worker of this model can be reached now, try again later")
      .within_file(why);
}

Replicas::Replicas(asio::io_context& io, DispatchOptions dispatch, ReplicasOptions options, Events events)
    : Dispatcher(io, std::move(dispatch), std::move(events)),
      replicas_(std::move(options)),
      balancer_(records_of(options_.workers), balancer_options()),
      hedges_(replicas_.hedged_share, static_cast<double>(8 * workers_.size())),
      retries_(replicas_.retried_share, static_cast<double>(first_retries)) {
  if (workers_.size() < 2) replicas_.hedge = {};  // nobody is looked for who can't be there
}

std::size_t Replicas::depth() const { return replicas_.window * workers_.size() + 2; }

BalancerOptions Replicas::balancer_options() {
  BalancerOptions out = std::move(replicas_.balancer);
  out.left_out = [this, told = std::move(out.left_out)](std::size_t worker, const std::string& why) {
    nn::note("{}: {}; it is left out for a while", options_.workers[worker]->name(), why);
    if (told) told(worker, why);
  };
  return out;
}

void Replicas::take(Blocks::iterator block) {
  if (absence_ && somebody_comes()) {
    absence_.reset();
    watch();
  }
  if (absence_) return fail(block, *absence_);
  pending_.push_back(block->first);
  hedges_.earn();
  retries_.earn();
  if (block->second.deadline) look_again(block, *block->second.deadline);
}

std::optional<Clock::time_point> Replicas::deadline_of(const Block& block) const {
  if (block.deadline) return block.deadline;
  if (options_.deadline.count() > 0 && block.sent) return *block.sent + options_.deadline;
  return std::nullopt;
}

// A worker is there, and is about to take rows.
bool Replicas::somebody_comes() const {
  const auto now = clock_.now();
  return std::any_of(workers_.begin(), workers_.end(), [&](const Worker& worker) {
    if (worker.dropped || !worker.stream) return false;
    const auto since = worker.stream->opening_since();
    return since && now < *since + options_.patience;
  });
}

// Of those that take more and have not been asked. The one that has failed already is asked again only where
// there is no other.
std::optional<std::size_t> Replicas::choose(const Block& block) {
  const auto now = clock_.now();
  std::vector<Balancer::Candidate> candidates;
  for (std::size_t w = 0; w < workers_.size(); ++w) {
    const Worker& worker = workers_[w];
    if (worker.dropped || !is_ready(worker)) continue;
    bool has_room = worker.stream->outstanding() < replicas_.window;
    if (std::any_of(block.open.begin(), block.open.end(), [&](const Try& t) { return t.worker == w; })) {
      has_room = false;
    } else if (now < worker.stream->not_before()) {
      dispatch_at(worker.stream->not_before());
      has_room = false;
    }
    candidates.push_back({w, worker.under_way, has_room});
  }
  if (block.failed_at && candidates.size() > 1) {
    std::erase_if(candidates, [&](const auto& c) { return c.worker == *block.failed_at; });
  }
  return balancer_.choose(candidates, block.rows.rows, now);
}

void Replicas::dispatch() {
  if (absence_ &&
      std::any_of(workers_.begin(), workers_.end(), [this](const Worker& w) { return is_ready(w); })) {
    absence_.reset();
  }
  // A block that waits for another worker than the one that failed it leaves that one to those behind it;
  // where nobody takes one that may go anywhere, nobody takes the next.
  for (std::size_t i = 0; i < pending_.size() && !broken_;) {
    const auto at = pending_.begin() + static_cast<std::ptrdiff_t>(i);
    const auto block = blocks_.find(*at);
    if (block == blocks_.end()) {
      pending_.erase(at);
    } else if (block->second.is_given_up && block->second.is_given_up()) {
      pending_.erase(at);
      give_up(block);
    } else if (const auto worker = choose(block->second)) {
      pending_.erase(at);
      ask(block, *worker);
    } else if (block->second.failed_at) {
      ++i;
    } else {
      return;
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
  if (asked.open.size() == 1 && replicas_.hedge.count() > 0) asked.hedge_at = now + hedge_after();
  look_next(block);
}

void Replicas::look_next(Blocks::iterator block) {
  const auto deadline = deadline_of(block->second);
  const auto hedge = block->second.hedge_at;
  auto next = std::min(deadline.value_or(Clock::time_point::max()), hedge.value_or(Clock::time_point::max()));
  if (block->second.is_given_up && !block->second.open.empty())
    next = std::min(next, clock_.now() + while_asked);
  if (next != Clock::time_point::max()) look_again(block, next);
}

// Workers are told that nobody waits for it any more.
void Replicas::give_up(Blocks::iterator block) {
  for (const Try& tried : block->second.open) workers_[tried.worker].stream->cancel(tried.id);
  fail(block, Error(ErrorKind::unavailable, "nobody waits for it any more"));
}

void Replicas::look_at(Blocks::iterator block) {
  Block& late = block->second;
  const auto now = clock_.now();
  if (late.is_given_up && late.is_given_up()) return give_up(block);
  const auto deadline = deadline_of(late);
  if (deadline && now >= *deadline) {
    for (const Try& tried : late.open) {
      note_late(tried);
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
  late.second = *other;
  nn::note("block {} is late at {}, {} is asked as well", block->first,
           workers_[late.open[0].worker].stream->name(), workers_[*other].stream->name());
  ask(block, *other);
}

void Replicas::outcome(Blocks::iterator block, const Try& tried, RemoteOutcome outcome) {
  note(tried, outcome);
  if (const auto* failure = std::get_if<RemoteFailure>(&outcome))
    return failed(block, tried.worker, *failure);
  won(block->second, tried.worker);
  for (const Try& other : block->second.open) {
    if (other.worker != block->second.second) note_late(other);
    workers_[other.worker].stream->cancel(other.id);
  }
  workers_[tried.worker].rows += static_cast<std::uint64_t>(block->second.rows.rows);
  BlockAnswer result;
  result.parts.push_back({tried.worker, std::move(std::get<RemoteAnswer>(outcome))});
  answer(block, std::move(result));
}

// Of a block that two workers were asked for.
void Replicas::won(const Block& block, std::size_t worker) {
  if (block.second) options_.workers[*block.second]->record()->hedged(worker == *block.second);
}

void Replicas::late_outcome(const Try& tried, const RemoteOutcome& outcome) {
  if (outcome.index() == 0) note(tried, outcome);
}

// What an outcome says of the worker.
void Replicas::note(const Try& tried, const RemoteOutcome& outcome) {
  const auto now = clock_.now();
  if (const auto* failure = std::get_if<RemoteFailure>(&outcome)) {
    const bool its_fault = failure->code == wire::Code::device || failure->code == wire::Code::internal;
    if (its_fault) balancer_.failed(tried.worker, now);
    return;
  }
  balancer_.answered(tried.worker, tried.ahead, now - tried.sent, now);
}

// It hasn't answered in time.
void Replicas::note_late(const Try& tried) {
  const auto now = clock_.now();
  balancer_.failed(tried.worker, now, now - tried.sent);
}

void Replicas::failed(Blocks::iterator block, std::size_t worker, const RemoteFailure& failure) {
  Block& tried = block->second;
  if (failure.code == wire::Code::deadline && deadline_of(tried)) return;  // look_at() says so
  const bool another = is_worth_another(failure.code);
  if (another && !tried.open.empty()) return;
  ++tried.failed_tries;
  const bool tries_left = replicas_.most_tries == 0 || tried.failed_tries < replicas_.most_tries;
  const bool is_lost = failure.code == wire::Code::draining;
  if (another && tries_left && (is_lost || replicas_.retried_share == 0 || retries_.spend())) {
    if (absence_) return fail(block, *absence_);
    tried.hedge_at.reset();
    tried.second.reset();
    tried.failed_at = worker;
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
  const Error absence = no_worker(why.what());
  absence_ = absence;  // whoever is told may ask again, and find somebody
  pending_.clear();
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, block] : blocks_) {
    if (block.open.empty()) numbers.push_back(number);  // else a worker that ends may answer it yet
  }
  for (const std::uint64_t number : numbers) {
    if (const auto block = blocks_.find(number); block != blocks_.end()) fail(block, absence);
  }
}

}  // namespace nn::client
