// Brings computations that are over back to the thread of their connection. For this module only.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "serving/servable.hpp"

namespace nn::serve {

// Kept by those computations; what comes after close() is let go where it comes. Keeps its memory: when as
// many are over at once as before, nothing is allocated but what asio needs for waking the thread.
class Mailbox : public serving::Completion, public std::enable_shared_from_this<Mailbox> {
 public:
  // `arrived` is called in the thread of the io_context, which must outlive close().
  using Arrived = std::function<void(serving::Request&)>;
  Mailbox(boost::asio::io_context& io, Arrived arrived) : io_(&io), arrived_(std::move(arrived)) {}

  void complete(std::span<std::shared_ptr<serving::Request>> requests) override;
  // Calls the function in the thread of the io_context, unless it is closed.
  void post(std::function<void()> call);
  // In the thread of the io_context.
  void close();

 private:
  void open();

  std::mutex mutex_;
  boost::asio::io_context* io_;  // null once it is closed
  std::vector<std::shared_ptr<serving::Request>> come_;
  bool called_ = false;  // open() is on its way

  // The thread's.
  Arrived arrived_;
  std::vector<std::shared_ptr<serving::Request>> opened_;
};

}  // namespace nn::serve
