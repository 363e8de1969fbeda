// Waits for pipes, sockets, terminals and FIFOs, none of which lasts longer than its caller wants.
//
// A read, write or open that waits in the system call itself is ended by a signal only if that comes to the
// same thread, and not just before the call. These never wait there: they wait in poll(2), also for what ends
// the wait. The flags of descriptors that are shared with other processes (stdin, stdout, stderr) stay as
// they are.
#pragma once

#include <sys/uio.h>

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/file.hpp"

namespace nn {

// What ends a wait besides what it waits for.
struct WaitEnd {
  using Clock = std::chrono::steady_clock;
  int descriptor = -1;  // that it becomes readable; -1: none
  Clock::time_point deadline = Clock::time_point::max();
};

// A descriptor that wakes whoever waits with it in WaitEnd, from then on. Thread-safe.
class WakeUp {
 public:
  WakeUp();
  int descriptor() const { return fd_.get(); }
  void wake() const noexcept;

 private:
  UniqueFd fd_;
};

// Waits until `fd` has something to read, or its end (POLLIN), or has room, or nobody reads (POLLOUT). False
// where `end` came first; what is ready counts first.
bool wait_for(int fd, short events, const WaitEnd& end);

// As writev(2), but of what goes out at once: -1 with EAGAIN where nothing does.
ssize_t write_now(int fd, std::span<const struct iovec> pieces);

// Writes all. False where `end` came first: what is left is in `pieces`. Errors as write_all() has them.
bool write_until(int fd, std::span<struct iovec>& pieces, std::string_view name, const WaitEnd& end);

// Opens a file, or a FIFO, whose other side it waits for; nothing where `end` came first. Io error.
// What it opens of a FIFO doesn't wait by itself (O_NONBLOCK); a FIFO without a writer is open for reading at
// once, and the first wait_for() waits for the writer.
std::optional<UniqueFd> open_until(const std::string& path, int flags, int mode, const WaitEnd& end);

// The pipe or terminal of a descriptor that is shared with other processes, opened anew for writing, so that
// only this descriptor doesn't wait; a duplicate of it where that can't be (write_now() is slower then).
// None, and errno, where it isn't open.
UniqueFd open_own(int fd);

}  // namespace nn
