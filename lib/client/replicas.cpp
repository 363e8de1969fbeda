#include "client/replicas.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/log.hpp"
#include "base/signals.hpp"

namespace nn::client {
namespace {

constexpr std::size_t window = 4;         // blocks under way at a worker: it never waits for the next
constexpr std::size_t member_window = 8;  // of an ensemble

double milliseconds(std::chrono::microseconds time) { return static_cast<double>(time.count()) / 1000; }

}  // namespace

Replicas::Replicas(ReplicasOptions options, const std::shared_ptr<const Schema>& table)
    : options_(std::move(options)) {
  for (const net::Endpoint& endpoint : options_.endpoints) {
    replicas_.emplace_back().connection =
        std::make_shared<Connection>(io_, endpoint, options_.connection, table, [this] { changed(); });
  }
  thread_ = std::thread([this] {
    for (const Replica& replica : replicas_) replica.connection->start();
    tick();
    try {
      io_.run();
    } catch (const Error& error) {
      stop(error);
    } catch (const std::exception& error) {
      stop(Error(ErrorKind::internal, error.what()));
    }
  });
}

Replicas::~Replicas() {
  asio::post(io_, [this] {
    for (const Replica& replica : replicas_) replica.connection->stop();
    timer_.cancel();
    io_.stop();
  });
  thread_.join();
}

std::size_t Replicas::depth() const {
  return options_.ensemble ? member_window : window * replicas_.size() + 2;
}

predict::PredictionKind Replicas::kind() {
  std::unique_lock lock(mutex_);
  while (!kind_ && !error_) {
    done_.wait_until(lock, std::chrono::steady_clock::now() + std::chrono::milliseconds(100));
    throw_if_stopped();
  }
  if (error_) std::rethrow_exception(error_);
  return *kind_;
}

void Replicas::submit(std::uint64_t number, Batch rows) {
  asio::post(io_, [this, number, rows = std::move(rows)]() mutable {
    Block& block = blocks_[number];
    block.rows = std::move(rows);
    if (options_.ensemble) {
      for (std::size_t m = 0; m < replicas_.size(); ++m) block.unasked.push_back(m);
    } else {
      pending_.push_back(number);
    }
    work();
  });
}

ReplicasResult Replicas::wait(std::uint64_t number) {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (const auto result = results_.find(number); result != results_.end()) {
      ReplicasResult out = std::move(result->second);
      results_.erase(result);
      return out;
    }
    if (error_) std::rethrow_exception(error_);
    done_.wait_until(lock, std::chrono::steady_clock::now() + std::chrono::milliseconds(100));
    throw_if_stopped();
  }
}

std::vector<Replicas::Member> Replicas::members() {
  const std::lock_guard lock(mutex_);
  std::vector<Member> out;
  for (const Replica& replica : replicas_) {
    out.push_back(
        {replica.connection->name(), replica.digest, replica.rows, replica.missed, replica.error,
         replica.digest.empty() && !replica.error.empty() && !replica.reported && !replica.dropped});
  }
  return out;
}

void Replicas::stop(const Error& error) {
  failed_ = true;
  const std::lock_guard lock(mutex_);
  if (!error_) error_ = std::make_exception_ptr(error);
  done_.notify_all();
}

std::size_t Replicas::alive() const {
  return static_cast<std::size_t>(std::count_if(replicas_.begin(), replicas_.end(),
                                                [](const Replica& replica) { return !replica.dropped; }));
}

// A worker is lost for good; the others go on while they are enough.
void Replicas::drop(std::size_t index, const Error& why) {
  Replica& replica = replicas_[index];
  if (replica.dropped) return;
  replica.dropped = true;
  {
    const std::lock_guard lock(mutex_);
    replica.error = why.what();
  }
  if (!options_.ensemble && alive() == 0) return stop(why);
  if (options_.ensemble && alive() < needed()) {
    return stop(options_.quorum == 0 ? why.advise(" (--quorum would go on without it)")
                                     : why.advise("; {} of {} members left, --quorum asks for {}", alive(),
                                                  replicas_.size(), needed()));
  }
  warn("{}; going on without it, {} of {} {} left", why.what(), alive(), replicas_.size(),
       options_.ensemble ? "members" : "workers");
  replica.connection->stop();
  // Blocks may have waited for this one only.
  asio::post(io_, [this] {
    check_kinds();
    for (auto block = blocks_.begin(); block != blocks_.end();) finish_if_complete((block++)->first, false);
    work();
  });
}

// A worker came or went.
void Replicas::changed() {
  for (std::size_t p = 0; p < replicas_.size(); ++p) {
    Replica& replica = replicas_[p];
    if (replica.dropped) continue;
    if (replica.connection->state() == Connection::State::connecting && replica.connection->ever_lost() &&
        !replica.connection->ever_ready()) {
      const std::lock_guard lock(mutex_);
      replica.error = replica.connection->error().what();
    }
    if (replica.connection->state() != Connection::State::refused) continue;
    // Replicas that refuse have another model, or none: no answer of the others is right then.
    const Error& why = replica.connection->error();
    const bool not_reached = why.kind() == ErrorKind::unavailable || why.kind() == ErrorKind::io;
    if (!options_.ensemble && !not_reached) return stop(why);
    drop(p, why);
  }
  check_kinds();
  if (!failed_) work();
}

// All must answer the same, and an ensemble begins when all are there that will be.
void Replicas::check_kinds() {
  const Replica* first = nullptr;
  bool all_there = true;
  for (std::size_t p = 0; p < replicas_.size(); ++p) {
    Replica& replica = replicas_[p];
    if (replica.dropped) continue;
    if (!replica.connection->ever_ready()) {
      all_there = false;
      continue;
    }
    const std::string differs =
        first == nullptr ? std::string()
                         : predict::difference(first->connection->kind(), first->connection->name(),
                                               replica.connection->kind(), replica.connection->name());
    if (!differs.empty()) return stop(Error(ErrorKind::data, "workers must answer the same: " + differs));
    if (first == nullptr) first = &replica;
    const std::lock_guard lock(mutex_);
    if (!options_.ensemble && replica.digest.empty() &&
        first->connection->digest() != replica.connection->digest()) {
      warn("{} and {} answer with different models ({} and {})", first->connection->name(),
           replica.connection->name(), first->connection->digest(), replica.connection->digest());
    }
    replica.digest = replica.connection->digest();
  }
  if (first == nullptr || (options_.ensemble && !all_there)) return;
  const std::lock_guard lock(mutex_);
  if (kind_) return;
  kind_ = first->connection->kind();
  done_.notify_all();
}

// Deadlines, hedges, and workers that don't come.
void Replicas::tick() {
  constexpr std::chrono::microseconds finest{500}, coarsest{20'000};
  auto pause = coarsest;
  for (const auto limit : {options_.deadline, options_.hedge}) {
    if (limit.count() > 0) pause = std::clamp(limit / 4, finest, pause);
  }
  timer_.expires_after(pause);
  timer_.wait([this](bool expired) {
    if (!expired || failed_) return;
    const auto now = clock_.now();
    check_reachable(now);
    std::vector<std::uint64_t> numbers;
    for (const auto& [number, block] : blocks_) numbers.push_back(number);
    for (const std::uint64_t number : numbers) {
      const auto block = blocks_.find(number);
      if (failed_ || block == blocks_.end() || !block->second.is_sent) continue;
      if (options_.deadline.count() > 0) check_deadline(number, block->second, now);
    }
    if (options_.hedge.count() > 0 && !failed_) {
      for (auto& [number, block] : blocks_) {
        if (block.is_sent && !block.hedged && now - block.sent >= options_.hedge) hedge(number, block);
      }
    }
    if (!failed_) work();
    tick();
  });
}

void Replicas::check_reachable(Clock::time_point now) {
  bool any = false;
  Clock::time_point last{};
  std::vector<Replica*> missing;  // replicas
  for (std::size_t p = 0; p < replicas_.size(); ++p) {
    Replica& replica = replicas_[p];
    if (replica.dropped) continue;
    const bool ready = replica.connection->state() == Connection::State::ready;
    any = any || ready;
    last = std::max(last, replica.connection->last_connected());
    if (ready || now - replica.connection->last_connected() < options_.connection.access.connect_timeout)
      continue;
    if (options_.ensemble) {
      drop(p, replica.connection->error());
      if (failed_) return;
    } else if (!replica.reported) {
      missing.push_back(&replica);
    }
  }
  for (Replica* replica : any ? missing : std::vector<Replica*>()) {
    const std::lock_guard lock(mutex_);
    replica->reported = true;
    warn("{}; the other workers go on without it", replica->connection->error().what());
  }
  if (!options_.ensemble && !any && now - last >= options_.connection.access.connect_timeout) {
    const std::string others =
        replicas_.size() > 1 ? fmt::format(" (as are all {} workers)", replicas_.size()) : "";
    stop(replicas_[0].connection->error().as(ErrorKind::unavailable).advise("{}", others));
  }
}

void Replicas::work() {
  if (options_.ensemble) {
    send_to_members();
  } else {
    dispatch();
  }
}

// The replica with the fewest requests, that takes more; of equal ones, the next in turn.
std::optional<std::size_t> Replicas::free_replica(std::optional<std::size_t> besides) {
  std::optional<std::size_t> best;
  const auto now = clock_.now();
  for (std::size_t i = 0; i < replicas_.size(); ++i) {
    const std::size_t p = (turn_ + i) % replicas_.size();
    const Connection& connection = *replicas_[p].connection;
    if (connection.state() != Connection::State::ready || connection.outstanding() >= window ||
        now < connection.not_before())
      continue;
    if (p == besides) continue;
    if (!best || connection.outstanding() < replicas_[*best].connection->outstanding()) best = p;
  }
  return best;
}

void Replicas::dispatch() {
  while (!pending_.empty() && !failed_) {
    const auto replica = free_replica(std::nullopt);
    if (!replica) return;
    turn_ = *replica + 1;
    const std::uint64_t number = pending_.front();
    pending_.pop_front();
    const auto block = blocks_.find(number);
    if (block != blocks_.end()) send(number, block->second, *replica);
  }
}

// Every member gets the blocks in order; one that is late gets one at a time, to see whether it
// is in time again.
void Replicas::send_to_members() {
  if (!kind_) return;  // of this thread's making: no lock to read it
  for (auto& [number, block] : blocks_) {
    if (failed_) return;
    for (auto at = block.unasked.begin(); at != block.unasked.end();) {
      Replica& replica = replicas_[*at];
      const std::size_t most = replica.late ? 1 : member_window;
      if (replica.dropped) {
        at = block.unasked.erase(at);
      } else if (replica.connection->state() == Connection::State::ready &&
                 replica.connection->outstanding() < most &&
                 clock_.now() >= replica.connection->not_before()) {
        const std::size_t member = *at;
        at = block.unasked.erase(at);
        send(number, block, member);
      } else {
        ++at;
      }
    }
  }
}

void Replicas::send(std::uint64_t number, Block& block, std::size_t index) {
  const auto now = clock_.now();
  if (!block.is_sent) {
    block.is_sent = true;
    block.sent = now;
  }
  std::optional<std::chrono::microseconds> left;
  if (options_.deadline.count() > 0 && !options_.ensemble) {
    left = options_.deadline - std::chrono::duration_cast<std::chrono::microseconds>(now - block.sent);
  }
  try {
    const std::uint64_t id = replicas_[index].connection->send(
        block.rows, left, [this, number, index, now](std::variant<RemoteAnswer, RemoteFailure> outcome) {
          on_outcome(number, index, now, std::move(outcome));
        });
    block.open.push_back({index, id});
  } catch (const Error& error) {
    stop(error);
  }
}

void Replicas::on_outcome(std::uint64_t number, std::size_t index, Clock::time_point sent,
                          std::variant<RemoteAnswer, RemoteFailure> outcome) {
  if (failed_) return;
  Replica& replica = replicas_[index];
  if (replica.late && outcome.index() == 0 && clock_.now() - sent <= options_.deadline) {
    replica.late = false;
    note("{} answers in time again", replica.connection->name());
  }
  const auto found = blocks_.find(number);
  if (found == blocks_.end()) return work();  // the others went on
  Block& block = found->second;
  std::erase_if(block.open, [&](const Try& t) { return t.replica == index; });
  if (auto* failure = std::get_if<RemoteFailure>(&outcome)) {
    failed(number, block, index, *failure);
  } else {
    block.answers[index] = std::move(std::get<RemoteAnswer>(outcome));
    finish_if_complete(number, false);
  }
  if (!failed_) work();
}

void Replicas::failed(std::uint64_t number, Block& block, std::size_t index, const RemoteFailure& failure) {
  const bool elsewhere = failure.code == wire::Code::busy || failure.code == wire::Code::draining ||
                         failure.code == wire::Code::cancelled || failure.code == wire::Code::device;
  if (!options_.ensemble) {
    if (failure.code == wire::Code::deadline) return;  // check_deadline() says so
    if (!elsewhere) return stop(failure.error);
    if (block.open.empty()) {
      block.hedged = false;
      pending_.push_front(number);
    }
    return;
  }
  if (elsewhere) {
    block.unasked.push_back(index);
  } else {
    drop(index, failure.error);
  }
}

void Replicas::hedge(std::uint64_t number, Block& block) {
  if (block.open.size() != 1) return;
  const auto other = free_replica(block.open[0].replica);
  if (!other) return;
  block.hedged = true;
  note("block {} is late at {}, {} is asked as well", number,
       replicas_[block.open[0].replica].connection->name(), replicas_[*other].connection->name());
  send(number, block, *other);
}

void Replicas::check_deadline(std::uint64_t number, Block& block, Clock::time_point now) {
  if (now - block.sent < options_.deadline) return;
  if (!options_.ensemble) {
    return stop(make_error(ErrorKind::unavailable, "no answer")
                    .within(fmt::format("row {}", block.rows.first_row))
                    .advise(" within --deadline ({} ms)", milliseconds(options_.deadline)));
  }
  finish_if_complete(number, true);
}

// An ensemble's block is complete when everybody has answered who is waited for.
void Replicas::finish_if_complete(std::uint64_t number, bool deadline_passed) {
  const auto found = blocks_.find(number);
  if (found == blocks_.end()) return;
  Block& block = found->second;
  if (options_.ensemble) {
    std::size_t waited_for = 0;
    for (std::size_t m = 0; m < replicas_.size(); ++m) {
      const Replica& replica = replicas_[m];
      if (!replica.dropped && !replica.late && !block.answers.contains(m)) ++waited_for;
    }
    const bool enough = block.answers.size() >= needed();
    if (!enough || (waited_for > 0 && !deadline_passed)) return;
  } else if (block.answers.empty()) {
    return;
  }
  // A late member's answer tells when it is in time again.
  if (!options_.ensemble) {
    for (const Try& t : block.open) replicas_[t.replica].connection->cancel(t.id);
  }
  const std::lock_guard lock(mutex_);
  ReplicasResult result;
  const auto rows = static_cast<std::uint64_t>(block.rows.rows);
  for (std::size_t m = 0; m < replicas_.size(); ++m) {
    Replica& replica = replicas_[m];
    const auto answer = block.answers.find(m);
    if (answer != block.answers.end()) {
      replica.rows += rows;
      result.parts.push_back({m, std::move(answer->second)});
    } else if (options_.ensemble) {
      replica.missed += rows;
      if (replica.dropped || replica.late) continue;
      replica.late = true;
      replica.error = fmt::format("late: no answer within {} ms", milliseconds(options_.deadline));
      note("{}: {}", replica.connection->name(), replica.error);
    }
  }
  results_[number] = std::move(result);
  blocks_.erase(found);
  done_.notify_all();
}

}  // namespace nn::client
