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

Fleet::Fleet(FleetOptions options, std::shared_ptr<const Schema> table) : options_(std::move(options)) {
  for (const net::Endpoint& endpoint : options_.endpoints) {
    lanes_.emplace_back().peer =
        std::make_shared<Peer>(io_, endpoint, options_.peer, table, [this] { changed(); });
  }
  thread_ = std::thread([this] {
    for (const Lane& lane : lanes_) lane.peer->start();
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

Fleet::~Fleet() {
  asio::post(io_, [this] {
    for (const Lane& lane : lanes_) lane.peer->stop();
    timer_.cancel();
    io_.stop();
  });
  thread_.join();
}

std::size_t Fleet::depth() const { return options_.ensemble ? member_window : window * lanes_.size() + 2; }

predict::PredictionKind Fleet::kind() {
  std::unique_lock lock(mutex_);
  while (!kind_ && !error_) {
    done_.wait_until(lock, std::chrono::steady_clock::now() + std::chrono::milliseconds(100));
    throw_if_stopped();
  }
  if (error_) std::rethrow_exception(error_);
  return *kind_;
}

void Fleet::submit(std::uint64_t number, Batch rows) {
  asio::post(io_, [this, number, rows = std::move(rows)]() mutable {
    Block& block = blocks_[number];
    block.rows = std::move(rows);
    if (options_.ensemble) {
      for (std::size_t m = 0; m < lanes_.size(); ++m) block.unasked.push_back(m);
    } else {
      pending_.push_back(number);
    }
    work();
  });
}

FleetResult Fleet::wait(std::uint64_t number) {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (const auto result = results_.find(number); result != results_.end()) {
      FleetResult out = std::move(result->second);
      results_.erase(result);
      return out;
    }
    if (error_) std::rethrow_exception(error_);
    done_.wait_until(lock, std::chrono::steady_clock::now() + std::chrono::milliseconds(100));
    throw_if_stopped();
  }
}

std::vector<Fleet::Member> Fleet::members() {
  const std::lock_guard lock(mutex_);
  std::vector<Member> out;
  for (const Lane& lane : lanes_) {
    out.push_back({lane.peer->name(), lane.digest, lane.rows, lane.missed, lane.error,
                   lane.digest.empty() && !lane.error.empty() && !lane.told && !lane.dropped});
  }
  return out;
}

void Fleet::stop(const Error& error) {
  failed_ = true;
  const std::lock_guard lock(mutex_);
  if (!error_) error_ = std::make_exception_ptr(error);
  done_.notify_all();
}

std::size_t Fleet::alive() const {
  return static_cast<std::size_t>(
      std::count_if(lanes_.begin(), lanes_.end(), [](const Lane& lane) { return !lane.dropped; }));
}

// A worker is lost for good; the others go on while they are enough.
void Fleet::drop(std::size_t peer, const Error& why) {
  Lane& lane = lanes_[peer];
  if (lane.dropped) return;
  lane.dropped = true;
  {
    const std::lock_guard lock(mutex_);
    lane.error = why.what();
  }
  if (!options_.ensemble && alive() == 0) return stop(why);
  if (options_.ensemble && alive() < needed()) {
    return stop(options_.quorum == 0 ? why.advise(" (--quorum would go on without it)")
                                     : why.advise("; {} of {} members left, --quorum asks for {}", alive(),
                                                  lanes_.size(), needed()));
  }
  warn("{}; going on without it, {} of {} {} left", why.what(), alive(), lanes_.size(),
       options_.ensemble ? "members" : "workers");
  lane.peer->stop();
  // Blocks may have waited for this one only.
  asio::post(io_, [this] {
    check_kinds();
    for (auto block = blocks_.begin(); block != blocks_.end();) finish_if_complete((block++)->first, false);
    work();
  });
}

// A worker came or went.
void Fleet::changed() {
  for (std::size_t p = 0; p < lanes_.size(); ++p) {
    Lane& lane = lanes_[p];
    if (lane.dropped) continue;
    if (lane.peer->state() == Peer::State::connecting && lane.peer->ever_lost() && !lane.peer->ever_ready()) {
      const std::lock_guard lock(mutex_);
      lane.error = lane.peer->error().what();
    }
    if (lane.peer->state() != Peer::State::refused) continue;
    // Replicas that refuse have another model, or none: no answer of the others is right then.
    const Error& why = lane.peer->error();
    if (!options_.ensemble && why.kind() != ErrorKind::unavailable) return stop(why);
    drop(p, why);
  }
  check_kinds();
  if (!failed_) work();
}

// All must answer the same, and an ensemble begins when all are there that will be.
void Fleet::check_kinds() {
  const Lane* first = nullptr;
  bool all_there = true;
  for (std::size_t p = 0; p < lanes_.size(); ++p) {
    Lane& lane = lanes_[p];
    if (lane.dropped) continue;
    if (!lane.peer->ever_ready()) {
      all_there = false;
      continue;
    }
    const std::string differs = first == nullptr
                                    ? std::string()
                                    : predict::difference(first->peer->kind(), first->peer->name(),
                                                          lane.peer->kind(), lane.peer->name());
    if (!differs.empty()) return stop(Error(ErrorKind::data, "workers must answer the same: " + differs));
    if (first == nullptr) first = &lane;
    const std::lock_guard lock(mutex_);
    if (!options_.ensemble && lane.digest.empty() && first->peer->digest() != lane.peer->digest()) {
      warn("{} and {} answer with different models ({} and {})", first->peer->name(), lane.peer->name(),
           first->peer->digest(), lane.peer->digest());
    }
    lane.digest = lane.peer->digest();
  }
  if (first == nullptr || (options_.ensemble && !all_there)) return;
  const std::lock_guard lock(mutex_);
  if (kind_) return;
  kind_ = first->peer->kind();
  done_.notify_all();
}

// Deadlines, hedges, and workers that don't come.
void Fleet::tick() {
  constexpr std::chrono::microseconds finest{500}, coarsest{20'000};
  auto pause = coarsest;
  for (const auto limit : {options_.deadline, options_.hedge}) {
    if (limit.count() > 0) pause = std::clamp(limit / 4, finest, pause);
  }
  timer_.expires_after(pause);
  timer_.async_wait([this](const boost::system::error_code& cancelled) {
    if (cancelled || failed_) return;
    const auto now = Clock::now();
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

void Fleet::check_reachable(Clock::time_point now) {
  bool any = false;
  Clock::time_point last{};
  std::vector<Lane*> missing;  // replicas
  for (std::size_t p = 0; p < lanes_.size(); ++p) {
    Lane& lane = lanes_[p];
    if (lane.dropped) continue;
    const bool ready = lane.peer->state() == Peer::State::ready;
    any = any || ready;
    last = std::max(last, lane.peer->last_connected());
    if (ready || now - lane.peer->last_connected() < options_.peer.access.connect_timeout) continue;
    if (options_.ensemble) {
      drop(p, lane.peer->error());
      if (failed_) return;
    } else if (!lane.told) {
      missing.push_back(&lane);
    }
  }
  for (Lane* lane : any ? missing : std::vector<Lane*>()) {
    const std::lock_guard lock(mutex_);
    lane->told = true;
    warn("{}; the other workers go on without it", lane->peer->error().what());
  }
  if (!options_.ensemble && !any && now - last >= options_.peer.access.connect_timeout) {
    const std::string others =
        lanes_.size() > 1 ? fmt::format(" (as are all {} workers)", lanes_.size()) : "";
    stop(lanes_[0].peer->error().as(ErrorKind::unavailable).advise("{}", others));
  }
}

void Fleet::work() {
  if (options_.ensemble) {
    ask_members();
  } else {
    give_out();
  }
}

// The replica with the fewest requests, that takes more; of equal ones, the next in turn.
std::optional<std::size_t> Fleet::free_replica(std::optional<std::size_t> besides) {
  std::optional<std::size_t> best;
  const auto now = Clock::now();
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const std::size_t p = (turn_ + i) % lanes_.size();
    const Peer& peer = *lanes_[p].peer;
    if (peer.state() != Peer::State::ready || peer.outstanding() >= window || now < peer.not_before())
      continue;
    if (p == besides) continue;
    if (!best || peer.outstanding() < lanes_[*best].peer->outstanding()) best = p;
  }
  return best;
}

void Fleet::give_out() {
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
void Fleet::ask_members() {
  if (!kind_) return;  // of this thread's making: no lock to read it
  for (auto& [number, block] : blocks_) {
    if (failed_) return;
    for (auto at = block.unasked.begin(); at != block.unasked.end();) {
      Lane& lane = lanes_[*at];
      const std::size_t most = lane.late ? 1 : member_window;
      if (lane.dropped) {
        at = block.unasked.erase(at);
      } else if (lane.peer->state() == Peer::State::ready && lane.peer->outstanding() < most &&
                 Clock::now() >= lane.peer->not_before()) {
        const std::size_t member = *at;
        at = block.unasked.erase(at);
        send(number, block, member);
      } else {
        ++at;
      }
    }
  }
}

void Fleet::send(std::uint64_t number, Block& block, std::size_t peer) {
  const auto now = Clock::now();
  if (!block.is_sent) {
    block.is_sent = true;
    block.sent = now;
  }
  std::optional<std::chrono::microseconds> left;
  if (options_.deadline.count() > 0 && !options_.ensemble) {
    left = options_.deadline - std::chrono::duration_cast<std::chrono::microseconds>(now - block.sent);
  }
  try {
    const std::uint64_t id = lanes_[peer].peer->send(
        block.rows, left, [this, number, peer, now](std::variant<PeerAnswer, PeerFailure> outcome) {
          came(number, peer, now, std::move(outcome));
        });
    block.open.push_back({peer, id});
  } catch (const Error& error) {
    stop(error);
  }
}

void Fleet::came(std::uint64_t number, std::size_t peer, Clock::time_point sent,
                 std::variant<PeerAnswer, PeerFailure> outcome) {
  if (failed_) return;
  Lane& lane = lanes_[peer];
  if (lane.late && outcome.index() == 0 && Clock::now() - sent <= options_.deadline) {
    lane.late = false;
    note("{} answers in time again", lane.peer->name());
  }
  const auto found = blocks_.find(number);
  if (found == blocks_.end()) return work();  // the others went on
  Block& block = found->second;
  std::erase_if(block.open, [&](const Try& t) { return t.peer == peer; });
  if (auto* failure = std::get_if<PeerFailure>(&outcome)) {
    failed(number, block, peer, *failure);
  } else {
    block.answers[peer] = std::move(std::get<PeerAnswer>(outcome));
    finish_if_complete(number, false);
  }
  if (!failed_) work();
}

void Fleet::failed(std::uint64_t number, Block& block, std::size_t peer, const PeerFailure& failure) {
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
    block.unasked.push_back(peer);
  } else {
    drop(peer, failure.error);
  }
}

void Fleet::hedge(std::uint64_t number, Block& block) {
  if (block.open.size() != 1) return;
  const auto other = free_replica(block.open[0].peer);
  if (!other) return;
  block.hedged = true;
  note("block {} is late at {}, {} is asked as well", number, lanes_[block.open[0].peer].peer->name(),
       lanes_[*other].peer->name());
  send(number, block, *other);
}

void Fleet::check_deadline(std::uint64_t number, Block& block, Clock::time_point now) {
  if (now - block.sent < options_.deadline) return;
  if (!options_.ensemble) {
    return stop(make_error(ErrorKind::unavailable, "no answer")
                    .within(fmt::format("row {}", block.rows.first_row))
                    .advise(" within --deadline ({} ms)", milliseconds(options_.deadline)));
  }
  finish_if_complete(number, true);
}

// An ensemble's block is complete when everybody has answered who is waited for.
void Fleet::finish_if_complete(std::uint64_t number, bool deadline_passed) {
  const auto found = blocks_.find(number);
  if (found == blocks_.end()) return;
  Block& block = found->second;
  if (options_.ensemble) {
    std::size_t waited_for = 0;
    for (std::size_t m = 0; m < lanes_.size(); ++m) {
      const Lane& lane = lanes_[m];
      if (!lane.dropped && !lane.late && !block.answers.contains(m)) ++waited_for;
    }
    const bool enough = block.answers.size() >= needed();
    if (!enough || (waited_for > 0 && !deadline_passed)) return;
  } else if (block.answers.empty()) {
    return;
  }
  // A late member's answer tells when it is in time again.
  if (!options_.ensemble) {
    for (const Try& t : block.open) lanes_[t.peer].peer->cancel(t.id);
  }
  const std::lock_guard lock(mutex_);
  FleetResult result;
  const auto rows = static_cast<std::uint64_t>(block.rows.rows);
  for (std::size_t m = 0; m < lanes_.size(); ++m) {
    Lane& lane = lanes_[m];
    const auto answer = block.answers.find(m);
    if (answer != block.answers.end()) {
      lane.rows += rows;
      result.parts.push_back({m, std::move(answer->second)});
    } else if (options_.ensemble) {
      lane.missed += rows;
      if (lane.dropped || lane.late) continue;
      lane.late = true;
      lane.error = fmt::format("late: no answer within {} ms", milliseconds(options_.deadline));
      note("{}: {}", lane.peer->name(), lane.error);
    }
  }
  results_[number] = std::move(result);
  blocks_.erase(found);
  done_.notify_all();
}

}  // namespace nn::client
