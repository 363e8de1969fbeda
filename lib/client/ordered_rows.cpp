#include "client/ordered_rows.hpp"

#include <boost/asio/post.hpp>
#include <future>
#include <utility>

#include "base/signals.hpp"
#include "client/members.hpp"
#include "client/replicas.hpp"

namespace nn::client {

OrderedRows::OrderedRows(OrderedOptions options) {
  for (ConnectionOptions& worker : options.workers) {
    connections_.push_back(std::make_shared<Connection>(io_, std::move(worker)));
  }
  options.dispatch.workers = connections_;
  if (options.ensemble) {
    dispatcher_ = std::make_unique<Members>(io_, std::move(options.dispatch), options.quorum, events());
  } else {
    const ReplicasOptions replicas{.hedge = options.hedge};
    dispatcher_ = std::make_unique<Replicas>(io_, std::move(options.dispatch), replicas, events());
  }
  depth_ = dispatcher_->depth();
  asio::post(io_, [this] {
    stop_.emplace(io_.get_executor(), [this] { end(std::make_exception_ptr(Interrupted{})); });
    for (const auto& connection : connections_) connection->start();
    dispatcher_->start();
  });
  thread_ = std::thread([this] { run(); });
}

OrderedRows::~OrderedRows() {
  asio::post(io_, [this] {
    dispatcher_->stop();
    for (const auto& connection : connections_) connection->stop();
    io_.stop();
  });
  thread_.join();
}

// What an event throws ends the work, and not the thread: the other one may have something to ask yet.
void OrderedRows::run() {
  for (;;) {
    try {
      io_.run();
      return;
    } catch (...) {
      end(std::make_exception_ptr(error_of(std::current_exception())));
    }
  }
}

void OrderedRows::end(std::exception_ptr error) {
  const std::lock_guard lock(mutex_);
  if (!error_) error_ = std::move(error);
  changed_.notify_all();
}

Dispatcher::Events OrderedRows::events() {
  Dispatcher::Events events;
  events.ready = [this](const predict::PredictionKind& kind) {
    const std::lock_guard lock(mutex_);
    kind_ = kind;
    changed_.notify_all();
  };
  events.answered = [this](std::uint64_t number, BlockAnswer answer) {
    const std::lock_guard lock(mutex_);
    answers_[number] = std::move(answer);
    if (number == next_out_) changed_.notify_all();
  };
  events.failed = [this](std::uint64_t, const Error& error) { end(std::make_exception_ptr(error)); };
  events.broken = [this](const Error& error) { end(std::make_exception_ptr(error)); };
  events.dropped = [this](std::size_t worker) { connections_[worker]->stop(); };
  return events;
}

void OrderedRows::wait_until(const std::function<bool()>& there, std::unique_lock<std::mutex>& lock) {
  changed_.wait(lock, [&] { return there() || error_; });
  if (!there()) std::rethrow_exception(error_);
}

predict::PredictionKind OrderedRows::kind() {
  std::unique_lock lock(mutex_);
  wait_until([this] { return kind_.has_value(); }, lock);
  return *kind_;
}

void OrderedRows::submit(Batch rows) {
  asio::post(io_, [this, number = next_in_++, rows = std::move(rows)]() mutable {
    dispatcher_->submit(number, std::move(rows));
  });
}

BlockAnswer OrderedRows::wait() {
  std::unique_lock lock(mutex_);
  wait_until([this] { return answers_.contains(next_out_); }, lock);
  auto answer = answers_.extract(next_out_++);
  return std::move(answer.mapped());
}

std::vector<WorkerReport> OrderedRows::reports() {
  std::promise<std::vector<WorkerReport>> reports;
  asio::post(io_, [&] { reports.set_value(dispatcher_->reports()); });
  return reports.get_future().get();
}

}  // namespace nn::client
