// Blocks of rows of one table over several workers, without waiting for anything: to one replica each
// (replicas.hpp), or to all members of an ensemble (members.hpp). For this module only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client/row_stream.hpp"

namespace nn::client {

struct DispatchOptions {
  std::vector<std::shared_ptr<Connection>> workers;  // which somebody else starts and stops
  StreamOptions stream;
  std::chrono::microseconds deadline{0};     // for a block, from when it is sent; 0: none
  std::chrono::milliseconds patience{5000};  // with a worker that can't be reached
};

// What a block is answered with: by one replica, or by those members of an ensemble that were there.
struct BlockAnswer {
  struct Part {
    std::size_t worker;
    RemoteAnswer answer;
  };
  std::vector<Part> parts;  // by worker
};

// What is told about a worker in the end.
struct WorkerReport {
  std::string name, digest;
  std::uint64_t rows = 0, missed = 0;
  std::string error;       // the last
  bool unreached = false;  // there was never an answer to connecting, and nobody was told
};

// All calls, and all events, in the thread of the io_context. An event may submit, and neither stop nor
// destroy it.
class Dispatcher {
 public:
  struct Events {
    // What the workers answer, once it is known: any replica's, or all members'.
    std::function<void(const predict::PredictionKind&)> ready;
    // A block's answer, or why it has none: once, unless everything fails.
    std::function<void(std::uint64_t number, BlockAnswer)> answered;
    std::function<void(std::uint64_t number, const Error&)> failed;
    // No block will be answered any more.
    std::function<void(const Error&)> broken;
    // The worker is not asked any more; nobody here needs its connection.
    std::function<void(std::size_t worker)> dropped;
  };

  Dispatcher(asio::io_context& io, DispatchOptions options, Events events);
  virtual ~Dispatcher() = default;

  void start();
  // Requests under way are forgotten; there are no events any more.
  void stop();

  // The number is the caller's, and new. The rows' memory is shared until the block is done. With a deadline
  // it fails then, whatever the options' is. The trace is for the workers' logs; empty: none. A block that is
  // given up is sent to no replica any more, and fails; replicas that have it are told within 20 ms.
  void submit(std::uint64_t number, Batch rows, std::optional<Clock::time_point> deadline = {},
              std::string trace = {}, std::function<bool()> is_given_up = {});
  // Nobody waits for the block any more: there is no event of it.
  void cancel(std::uint64_t number);
  // Blocks that may be under way for all workers to be busy.
  virtual std::size_t depth() const = 0;
  std::vector<WorkerReport> reports() const;
  // What is not done yet.
  std::size_t blocks() const { return blocks_.size(); }
  std::int64_t rows_under_way(std::size_t worker) const { return workers_[worker].under_way; }

 protected:
  struct Worker {
    std::unique_ptr<RowStream> stream;
    bool dropped = false;        // for good
    bool reported = false;       // that it wasn't reached
    std::int64_t under_way = 0;  // rows
    std::int64_t requests = 0;   // under way
    std::uint64_t rows = 0, missed = 0;
    std::string digest, error;
  };
  // A request for a block's rows, under way at a worker.
  struct Try {
    std::size_t worker;
    std::uint64_t id;
    Clock::time_point sent;
    std::int64_t ahead;  // rows that were under way there, these included
  };
  struct Block {
    Batch rows;
    std::string trace;
    std::function<bool()> is_given_up;          // may be empty
    std::optional<Clock::time_point> deadline;  // its own
    std::optional<Clock::time_point> sent;      // first
    std::optional<Clock::time_point> due;       // when look_at() is to see it
    std::vector<Try> open;
    // Of replicas: when another may be asked as well, unless one was.
    std::optional<Clock::time_point> hedge_at;
    std::size_t failed_tries = 0;
    std::optional<std::size_t> failed_at;  // the last worker that did
    std::optional<std::size_t> second;     // that is asked as well
    // Of an ensemble.
    std::vector<std::size_t> unasked;
    std::map<std::size_t, RemoteAnswer> answers;
  };
  using Blocks = std::map<std::uint64_t, Block>;

  // The block is among blocks_ now.
  virtual void take(Blocks::iterator block) = 0;
  // Sends what can be sent.
  virtual void dispatch() = 0;
  // Its time has come, or a worker was dropped that it may have waited for.
  virtual void look_at(Blocks::iterator block) = 0;
  virtual void outcome(Blocks::iterator block, const Try& tried, RemoteOutcome outcome) = 0;
  // The same of a request whose block is done.
  virtual void late_outcome(const Try& tried, const RemoteOutcome& outcome) = 0;
  // A worker will never answer.
  virtual void refused(std::size_t worker, const Error& why) = 0;
  // These have not been there for the time of our patience.
  virtual void unreached(const std::vector<std::size_t>& workers) = 0;
  // Do all have to be there before the first block?
  virtual bool needs_all() const = 0;

  // False where the rows can't be sent to anybody: then the block has failed.
  bool send(Blocks::iterator block, std::size_t worker, std::optional<std::chrono::microseconds> time_left);
  void look_again(Blocks::iterator block, Clock::time_point when);
  void answer(Blocks::iterator block, BlockAnswer answer);
  void fail(Blocks::iterator block, const Error& error);
  // Nothing goes on from here.
  void break_down(const Error& error);
  // It is not asked any more; what it was asked for fails there, and blocks that waited for it are looked at
  // again.
  void drop(std::size_t worker);
  bool is_known() const { return known_; }  // what they answer
  std::size_t alive() const;                // not dropped
  bool is_ready(const Worker& worker) const {
    return worker.stream && worker.stream->state() == RowStream::State::ready;
  }
  // dispatch(), at that time.
  void dispatch_at(Clock::time_point when);
  // Waits for workers that aren't there, and tells which don't come: unreached().
  void watch();

  asio::io_context& io_;
  Clock& clock_;
  DispatchOptions options_;
  std::vector<Worker> workers_;
  Blocks blocks_;
  bool broken_ = false;

 private:
  void changed();
  void go_on();
  void forget(Blocks::iterator block);
  void forget_under_way(std::size_t worker);
  void count_end(const Try& tried, std::int64_t rows, const RemoteOutcome& outcome);
  void end_stream(std::size_t worker);
  void check_kinds();
  void ring();
  void arm();

  Events events_;
  std::set<std::pair<Clock::time_point, std::uint64_t>> due_;  // blocks
  net::Timer timer_, resume_, watch_;
  Clock::time_point armed_ = Clock::time_point::max(), resumes_ = Clock::time_point::max();
  bool known_ = false;  // what they answer
  bool working_ = false, again_ = false;
  std::shared_ptr<int> life_ = std::make_shared<int>(0);  // of what is told later
};

double milliseconds(std::chrono::microseconds time);
// Another worker may do better, or the same one later.
bool is_worth_another(wire::Code code);

}  // namespace nn::client
