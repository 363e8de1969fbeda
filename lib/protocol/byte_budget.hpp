// Bytes that several connections may hold in memory together. For modules that see Asio.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include "net/timer.hpp"

namespace nn::protocol {

// Taken in the thread of the io_context, in the order of asking; given back from any.
class ByteBudget : public std::enable_shared_from_this<ByteBudget> {
 public:
  ByteBudget(asio::any_io_executor executor, std::uint64_t bytes)
      : executor_(std::move(executor)), bytes_(bytes) {}

  // Waits until there is room for so many, and holds them until the share is destroyed. More than there
  // are at all are given when nobody else has any.
  using Share = std::shared_ptr<void>;
  asio::awaitable<Share> take(std::uint64_t bytes);
  // The io_context ends: nobody is waited for any more.
  void close();
  // Does anybody wait?
  bool is_short() const;
  std::uint64_t used() const;

 private:
  struct Waiter {
    std::uint64_t bytes;
    net::Timer granted;  // cancelled when it is
  };
  bool fits(std::uint64_t bytes) const { return used_ == 0 || used_ + bytes <= bytes_; }
  Share share(std::uint64_t bytes);
  void give_back(std::uint64_t bytes);
  void grant();

  asio::any_io_executor executor_;
  const std::uint64_t bytes_;
  mutable std::mutex mutex_;
  std::uint64_t used_ = 0;
  std::deque<std::shared_ptr<Waiter>> waiters_;
};

}  // namespace nn::protocol
