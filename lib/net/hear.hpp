// Waits for what a descriptor tells of, as changes of files (repository/watch.hpp), and acts a moment later.
#pragma once

#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>

#include "net/no_throw.hpp"
#include "net/timer.hpp"

namespace nn::net {

// Calls act() whenever the watch says that it is due; ends where there is nothing to wait for. A Watch has a
// descriptor(), readable when something has happened; take(now), which takes that in; due(), when to act; and
// is_due(now), once true for each time. It must outlive the coroutine, which is the io_context's.
template <typename Watch>
asio::awaitable<void> hear(asio::io_context& io, Watch& watch, std::function<void()> act) {
  if (watch.descriptor() < 0) co_return;
  Clock& clock = clock_of(io);
  asio::posix::stream_descriptor file(io, ::dup(watch.descriptor()));  // closed by each of the two
  Timer timer(io.get_executor());
  for (;;) {
    const auto [error] = co_await file.async_wait(asio::posix::stream_descriptor::wait_read, no_throw);
    if (error) co_return;
    watch.take(clock.now());
    while (const auto due = watch.due()) {
      if (watch.is_due(clock.now())) {
        act();
        break;
      }
      timer.expires_at(*due);
      if (!co_await timer.wait()) co_return;
      watch.take(clock.now());
    }
  }
}

}  // namespace nn::net
