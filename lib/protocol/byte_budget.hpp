// Bytes that several connections may hold in memory together. For modules that see Asio.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include "net/timer.hpp"

namespace nn::protocol {

// Taken in the thread of the io_context; given back from any. Large wishes, over a sixteenth of all, wait for
// each other in their order and leave a quarter to the small ones, which wait in an order of their own: so a
// few connections with large messages can't keep the others out.
class ByteBudget : public std::enable_shared_from_this<ByteBudget> {
 public:
  ByteBudget(asio::any_io_executor executor, std::uint64_t bytes)
      : executor_(std::move(executor)), bytes_(bytes) {}

  // Waits until there is room for so many, and holds them until the share is destroyed. More than there
  // are at all are given when nobody else has any.
  using Share = std::shared_ptr<void>;
  asio::awaitable<Share> take(std::uint64_t bytes);
  // The same at once; null where there is no room.
  Share try_take(std::uint64_t bytes);
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
  using Waiters = std::deque<std::shared_ptr<Waiter>>;
  bool is_large(std::uint64_t bytes) const { return bytes > bytes_ / 16; }
  bool fits(std::uint64_t bytes) const;
  void grant(Waiters& waiters);
  Share share(std::uint64_t bytes);
  void give_back(std::uint64_t bytes);
  void grant();

  asio::any_io_executor executor_;
  const std::uint64_t bytes_;
  mutable std::mutex mutex_;
  std::uint64_t used_ = 0, large_ = 0;  // by all, and by large wishes
  Waiters small_waiters_, large_waiters_;
};

}  // namespace nn::protocol
