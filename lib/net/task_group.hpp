// The coroutines that a server is made of: the first that throws ends them all.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>

#include "net/timer.hpp"

namespace nn::net {

// One thread, that of the io_context, which must run no longer than this lives.
class TaskGroup {
 public:
  explicit TaskGroup(asio::io_context& io) : io_(io) {}
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // Runs a task until its end, or the group's. One that throws ends the group with its error.
  void spawn(asio::awaitable<void> task);
  // Ends the group: the io_context stops. The first error stays.
  void end(std::exception_ptr error = nullptr);
  bool ended() const { return ended_; }
  // Throws the error that ended it, if one did.
  void check() const;

 private:
  asio::io_context& io_;
  std::exception_ptr error_;
  bool ended_ = false;
};

}  // namespace nn::net
