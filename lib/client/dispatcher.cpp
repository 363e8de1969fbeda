#include "client/dispatcher.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/log.hpp"

namespace nn::client {

double milliseconds(std::chrono::microseconds time) { return static_cast<double>(time.count()) / 1000; }

bool is_worth_another(wire::Code code) { return static_cast<unsigned>(code) < 16; }

Dispatcher::Dispatcher(asio::io_context& io, DispatchOptions options, Events events)
    : io_(io),
      clock_(net::clock_of(io)),
      options_(std::move(options)),
      workers_(options_.workers.size()),
      events_(std::move(events)),
      timer_(io.get_executor()),
      resume_(io.get_executor()),
      watch_(io.get_executor()) {}

void Dispatcher::start() {
  for (std::size_t w = 0; w < workers_.size(); ++w) {
    workers_[w].stream =
        std::make_unique<RowStream>(io_, options_.workers[w], options_.stream, [this] { changed(); });
  }
  changed();
}

void Dispatcher::stop() {
  broken_ = true;
  life_.reset();
  for (Worker& worker : workers_) {
    if (worker.stream) worker.digest = worker.stream->digest();
    worker.stream.reset();
  }
  for (std::size_t w = 0; w < workers_.size(); ++w) forget_under_way(w);
  timer_.cancel();
  resume_.cancel();
  watch_.cancel();
}

// One that nobody waited for any more says nothing about the worker.
void Dispatcher::count_end(const Try& tried, std::int64_t rows, const RemoteOutcome& outcome) {
  WorkerRecord& record = *options_.workers[tried.worker]->record();
  const auto* failure = std::get_if<RemoteFailure>(&outcome);
  if (failure != nullptr && failure->code == wire::Code::cancelled) return record.forgotten(1, rows);
  std::optional<Clock::duration> time;
  if (failure == nullptr) time = clock_.now() - tried.sent;
  record.over(rows, time);
}

// Its replies would come to nobody.
void Dispatcher::forget_under_way(std::size_t worker) {
  Worker& w = workers_[worker];
  options_.workers[worker]->record()->forgotten(w.requests, w.under_way);
  w.requests = w.under_way = 0;
}

void Dispatcher::submit(std::uint64_t number, Batch rows, std::optional<Clock::time_point> deadline,
                        std::string trace, std::function<bool()> is_given_up) {
  if (broken_) return;
  const auto block = blocks_.try_emplace(number).first;
  block->second.rows = std::move(rows);
  block->second.deadline = deadline;
  block->second.trace = std::move(trace);
  block->second.is_given_up = std::move(is_given_up);
  take(block);
  go_on();
}

// Events may submit: whoever is at work then goes on with that.
void Dispatcher::go_on() {
  again_ = true;
  if (std::exchange(working_, true)) return;
  while (again_ && !broken_) {
    again_ = false;
    dispatch();
  }
  working_ = false;
}

std::vector<WorkerReport> Dispatcher::reports() const {
  std::vector<WorkerReport> out;
  for (std::size_t w = 0; w < workers_.size(); ++w) {
    const Worker& worker = workers_[w];
    out.push_back({options_.workers[w]->name(), worker.digest, worker.rows, worker.missed, worker.error,
                   worker.digest.empty() && !worker.error.empty() && !worker.reported && !worker.dropped});
  }
  return out;
}

std::size_t Dispatcher::alive() const {
  return static_cast<std::size_t>(
      std::count_if(workers_.begin(), workers_.end(), [](const Worker& worker) { return !worker.dropped; }));
}

void Dispatcher::break_down(const Error& error) {
  if (broken_) return;
  broken_ = true;
  blocks_.clear();
  due_.clear();
  events_.broken(error);
}

void Dispatcher::drop(std::size_t worker) {
  if (std::exchange(workers_[worker].dropped, true)) return;
  asio::post(io_, [this, worker, life = std::weak_ptr(life_)] {
    if (life.expired() || broken_) return;
    end_stream(worker);
    events_.dropped(worker);
    check_kinds();
    for (auto block = blocks_.begin(); block != blocks_.end() && !broken_;) look_at(block++);
    go_on();
  });
}

// What is under way there is somebody else's now.
void Dispatcher::end_stream(std::size_t worker) {
  const RemoteFailure failure{wire::Code::draining,
                              workers_[worker].stream->error().as(ErrorKind::unavailable)};
  workers_[worker].stream.reset();
  forget_under_way(worker);
  std::vector<std::pair<std::uint64_t, Try>> lost;
  for (auto& [number, block] : blocks_) {
    for (const Try& tried : block.open) {
      if (tried.worker == worker) lost.emplace_back(number, tried);
    }
  }
  for (const auto& [number, tried] : lost) {
    const auto block = blocks_.find(number);
    if (broken_ || block == blocks_.end()) continue;
    std::erase_if(block->second.open, [worker](const Try& t) { return t.worker == worker; });
    outcome(block, tried, failure);
  }
}

// A worker came or went.
void Dispatcher::changed() {
  for (std::size_t w = 0; w < workers_.size() && !broken_; ++w) {
    Worker& worker = workers_[w];
    if (worker.dropped || !worker.stream) continue;
    const RowStream& stream = *worker.stream;
    const bool never = !stream.ever_ready() && stream.connection().ever_lost();
    if (stream.state() == RowStream::State::connecting && never) worker.error = stream.error().what();
    if (stream.state() != RowStream::State::refused) continue;
    worker.error = stream.error().what();
    refused(w, stream.error());
  }
  if (broken_) return;
  check_kinds();
  go_on();
  if (!broken_) watch();
}

// All must answer the same.
void Dispatcher::check_kinds() {
  const Worker* first = nullptr;
  bool all_there = true;
  for (Worker& worker : workers_) {
    if (worker.dropped) continue;
    if (!worker.stream || !worker.stream->ever_ready()) {
      all_there = false;
      continue;
    }
    const RowStream& stream = *worker.stream;
    if (first != nullptr) {
      const RowStream& other = *first->stream;
      const std::string differs =
          predict::difference(other.kind(), other.name(), stream.kind(), stream.name());
      if (!differs.empty()) {
        return break_down(Error(ErrorKind::data, "workers must answer the same: " + differs));
      }
      if (!needs_all() && worker.digest.empty() && other.digest() != stream.digest()) {
        warn("{} and {} answer with different models ({} and {})", other.name(), stream.name(),
             other.digest(), stream.digest());
      }
    }
    if (first == nullptr) first = &worker;
    worker.digest = stream.digest();
  }
  if (known_ || first == nullptr || (needs_all() && !all_there)) return;
  known_ = true;
  events_.ready(first->stream->kind());
}

bool Dispatcher::send(Blocks::iterator block, std::size_t worker,
                      std::optional<std::chrono::microseconds> time_left) {
  Block& sent = block->second;
  Worker& asked = workers_[worker];
  const std::int64_t rows = sent.rows.rows;
  Try tried{worker, 0, clock_.now(), asked.under_way + rows};
  const auto told = [this, number = block->first, tried, rows](RemoteOutcome result) {
    workers_[tried.worker].under_way -= rows;
    --workers_[tried.worker].requests;
    count_end(tried, rows, result);
    if (broken_) return;
    const auto found = blocks_.find(number);
    if (found == blocks_.end()) {
      late_outcome(tried, result);
    } else {
      std::erase_if(found->second.open, [&](const Try& t) { return t.worker == tried.worker; });
      outcome(found, tried, std::move(result));
    }
    go_on();
  };
  try {
    tried.id = asked.stream->send(sent.rows, time_left, sent.trace, told);
  } catch (const Error& error) {
    fail(block, error);
    return false;
  }
  asked.under_way += rows;
  ++asked.requests;
  options_.workers[worker]->record()->asked(
      rows, sent.failed_tries > 0 ? WorkerRecord::Why::retry : WorkerRecord::Why::first);
  sent.open.push_back(tried);
  return true;
}

void Dispatcher::cancel(std::uint64_t number) {
  const auto block = blocks_.find(number);
  if (block == blocks_.end()) return;
  for (const Try& tried : block->second.open) workers_[tried.worker].stream->cancel(tried.id);
  forget(block);
}

void Dispatcher::forget(Blocks::iterator block) {
  if (block->second.due) due_.erase({*block->second.due, block->first});
  blocks_.erase(block);
}

void Dispatcher::answer(Blocks::iterator block, BlockAnswer answer) {
  const std::uint64_t number = block->first;
  forget(block);
  events_.answered(number, std::move(answer));
}

void Dispatcher::fail(Blocks::iterator block, const Error& error) {
  const std::uint64_t number = block->first;
  forget(block);
  events_.failed(number, error);
}

void Dispatcher::look_again(Blocks::iterator block, Clock::time_point when) {
  auto& due = block->second.due;
  if (due) due_.erase({*due, block->first});
  due = when;
  due_.insert({when, block->first});
  arm();
}

void Dispatcher::arm() {
  if (due_.empty() || due_.begin()->first >= armed_) return;
  armed_ = due_.begin()->first;
  timer_.expires_at(armed_);
  timer_.wait([this, life = std::weak_ptr(life_)](bool expired) {
    if (expired && !life.expired() && !broken_) ring();
  });
}

void Dispatcher::ring() {
  armed_ = Clock::time_point::max();
  const auto now = clock_.now();
  while (!broken_ && !due_.empty() && due_.begin()->first <= now) {
    const auto block = blocks_.find(due_.begin()->second);
    due_.erase(due_.begin());
    block->second.due.reset();
    look_at(block);
  }
  if (broken_) return;
  arm();
  go_on();
}

void Dispatcher::dispatch_at(Clock::time_point when) {
  if (when >= resumes_) return;
  resumes_ = when;
  resume_.expires_at(when);
  resume_.wait([this, life = std::weak_ptr(life_)](bool expired) {
    if (!expired || life.expired() || broken_) return;
    resumes_ = Clock::time_point::max();
    go_on();
  });
}

// For workers that don't come.
void Dispatcher::watch() {
  const auto now = clock_.now();
  auto next = Clock::time_point::max();
  std::vector<std::size_t> missing;
  for (std::size_t w = 0; w < workers_.size(); ++w) {
    const Worker& worker = workers_[w];
    if (worker.dropped || !worker.stream || is_ready(worker)) continue;
    const auto there = std::max(worker.stream->last_ready(),
                                worker.stream->opening_since().value_or(Clock::time_point::min()));
    const auto end = there + options_.patience;
    if (now >= end) {
      missing.push_back(w);
    } else {
      next = std::min(next, end);
    }
  }
  if (!missing.empty()) unreached(missing);
  if (broken_ || next == Clock::time_point::max()) return;
  watch_.expires_at(next);
  watch_.wait([this, life = std::weak_ptr(life_)](bool expired) {
    if (expired && !life.expired() && !broken_) watch();
  });
}

}  // namespace nn::client
