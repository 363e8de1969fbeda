// Brings computations that are over back to the thread of their connection. For this module only.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <memory_resource>
#include <mutex>
#include <span>
#include <vector>

#include "serving/servable.hpp"

namespace nn::serve {

// Memory for one small thing at a time; what doesn't fit comes from elsewhere. Its users see to it that they
// come one after the other, whatever their threads.
class OneBlock : public std::pmr::memory_resource {
 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override;
  void do_deallocate(void* memory, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override { return this == &other; }

  alignas(std::max_align_t) std::array<std::byte, 256> block_;
  bool taken_ = false;
};

// Kept by those computations. What comes after close(), or hasn't arrived by then, is completed() where it
// comes. Keeps its memory: when as many are over at once as before, nothing is allocated.
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
  struct Opening;
  bool take(std::span<std::shared_ptr<serving::Request>> requests);
  static void let_go(std::span<std::shared_ptr<serving::Request>> requests);
  void open();

  std::mutex mutex_;
  boost::asio::io_context* io_;  // null once it is closed
  std::vector<std::shared_ptr<serving::Request>> come_;
  bool called_ = false;  // open() is on its way
  OneBlock opening_;  // its memory: Asio would have each thread keep its own, and the computing one allocate

  // The thread's.
  Arrived arrived_;
  std::vector<std::shared_ptr<serving::Request>> opened_;
};

}  // namespace nn::serve
