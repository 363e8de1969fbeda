// Rows to workers and their answers back, in order, for a thread that waits. For this module only.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "client/dispatcher.hpp"
#include "net/stop_wait.hpp"

namespace nn::client {

struct OrderedOptions {
  std::vector<ConnectionOptions> workers;
  DispatchOptions dispatch;            // without its workers
  bool ensemble = false;               // all of them get each block; else one
  std::size_t quorum = 0;              // of an ensemble: members that suffice; 0: all
  std::chrono::microseconds hedge{0};  // of replicas, as ReplicasOptions has it
};

// The network runs in a thread of its own; these are for one other. What blocks wait for has a time limit in
// there: the workers' signs of life, and the time to connect.
class OrderedRows {
 public:
  explicit OrderedRows(OrderedOptions options);
  ~OrderedRows();

  // Waits for the workers: any replica, or all members (as many as the quorum, after the time to connect).
  // Throws what makes going on impossible, as wait() does; unavailable errors are worth retrying later.
  predict::PredictionKind kind();

  // Blocks that may be under way.
  std::size_t depth() const { return depth_; }
  // The rows' memory is shared until the block is answered.
  void submit(Batch rows);
  // Waits for the answer to the first block that none was given of.
  BlockAnswer wait();

  // Who they are, who was missing, and from how many rows.
  std::vector<WorkerReport> reports();

 private:
  void run();
  void end(std::exception_ptr error);
  Dispatcher::Events events();
  void wait_until(const std::function<bool()>& there, std::unique_lock<std::mutex>& lock);

  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  std::vector<std::shared_ptr<Connection>> connections_;
  std::unique_ptr<Dispatcher> dispatcher_;
  std::optional<net::StopWait> stop_;
  std::size_t depth_ = 0;
  std::uint64_t next_in_ = 0, next_out_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint64_t, BlockAnswer> answers_;
  std::optional<predict::PredictionKind> kind_;
  std::exception_ptr error_;

  std::thread thread_;
};

}  // namespace nn::client
