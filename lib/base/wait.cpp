#include "base/wait.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "base/error.hpp"

namespace nn {
namespace {

// A terminal that has room at all has most often room for this.
constexpr std::size_t terminal_bytes = 256;

int milliseconds_until(WaitEnd::Clock::time_point deadline) {
  if (deadline == WaitEnd::Clock::time_point::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - WaitEnd::Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX));
}

// A blocking write of so many bytes returns at once where poll() has found room.
ssize_t write_a_little(int fd, std::span<const struct iovec> pieces, std::size_t most) {
  pollfd one{fd, POLLOUT, 0};
  const int n = ::poll(&one, 1, 0);
  if (n == 0) errno = EAGAIN;
  if (n <= 0) return -1;
  const struct iovec& first = pieces.front();
  return ::write(fd, first.iov_base, std::min(first.iov_len, most));
}

bool is_fifo(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode);
}

// An open(2) that waits for the other side, in a thread of its own, which may outlive whoever wanted it.
struct Opening {
  std::string path;
  int flags = 0;
  WakeUp done;
  std::mutex mutex;
  UniqueFd fd;
  int error = 0;

  void run() {
    UniqueFd opened;
    do {
      opened = UniqueFd(::open(path.c_str(), flags));
    } while (!opened && errno == EINTR);
    const int number = errno;
    const std::lock_guard lock(mutex);
    error = number;
    fd = std::move(opened);
    done.wake();
  }
};

std::optional<UniqueFd> open_in_thread(const std::string& path, int flags, const WaitEnd& end) {
  const auto opening = std::make_shared<Opening>();
  opening->path = path;
  opening->flags = flags;
  std::thread([opening] { opening->run(); }).detach();
  if (!wait_for(opening->done.descriptor(), POLLIN, end)) return std::nullopt;
  const std::lock_guard lock(opening->mutex);
  if (!opening->fd) fail_errno(path, opening->error);
  const int now = ::fcntl(opening->fd.get(), F_GETFL);
  ::fcntl(opening->fd.get(), F_SETFL, now | O_NONBLOCK);
  return std::move(opening->fd);
}

}  // namespace

WakeUp::WakeUp() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!fd_) fail_errno("eventfd");
}

void WakeUp::wake() const noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(fd_.get(), &one, sizeof one);
}

bool wait_for(int fd, short events, const WaitEnd& end) {
  for (;;) {
    pollfd both[2] = {{fd, events, 0}, {end.descriptor, POLLIN, 0}};
    const int n = ::poll(both, 2, milliseconds_until(end.deadline));
    if (n > 0) {
      if (both[0].revents != 0) return true;
      return false;
    }
    if (n == 0 && WaitEnd::Clock::now() >= end.deadline) return false;
    if (n < 0 && errno != EINTR && errno != EAGAIN) fail_errno("poll");
  }
}

ssize_t write_now(int fd, std::span<const struct iovec> pieces) {
  const int count = static_cast<int>(std::min<std::size_t>(pieces.size(), IOV_MAX));
  struct stat status {};
  if (::fstat(fd, &status) != 0) return -1;
  if (S_ISSOCK(status.st_mode)) {
    struct msghdr message {};
    message.msg_iov = const_cast<struct iovec*>(pieces.data());
    message.msg_iovlen = static_cast<std::size_t>(count);
    return ::sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  const bool terminal = S_ISCHR(status.st_mode) && ::isatty(fd) != 0;
  if (!S_ISFIFO(status.st_mode) && !terminal) return ::writev(fd, pieces.data(), count);
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags >= 0 && (flags & O_NONBLOCK) != 0) return ::writev(fd, pieces.data(), count);
  return write_a_little(fd, pieces, terminal ? terminal_bytes : PIPE_BUF);
}

bool write_until(int fd, std::span<struct iovec>& pieces, std::string_view name, const WaitEnd& end) {
  for (;;) {
    while (!pieces.empty() && pieces.front().iov_len == 0) pieces = pieces.subspan(1);
    if (pieces.empty()) return true;
    const ssize_t written = write_now(fd, pieces);
    if (written < 0) {
      if (errno == EINTR) continue;
      if (errno == EPIPE) throw BrokenPipe{};
      if (errno != EAGAIN) fail_errno(name);
      if (!wait_for(fd, POLLOUT, end)) return false;
      continue;
    }
    for (auto left = static_cast<std::size_t>(written); left > 0;) {
      struct iovec& first = pieces.front();
      const std::size_t used = std::min(left, first.iov_len);
      first.iov_base = static_cast<char*>(first.iov_base) + used;
      first.iov_len -= used;
      left -= used;
      if (first.iov_len == 0) pieces = pieces.subspan(1);
    }
  }
}

std::optional<UniqueFd> open_until(const std::string& path, int flags, int mode, const WaitEnd& end) {
  const bool fifo = is_fifo(path);
  for (;;) {
    UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC | (fifo ? O_NONBLOCK : 0), mode));
    if (fd) return fd;
    if (fifo && errno == ENXIO) return open_in_thread(path, (flags & ~O_CREAT) | O_CLOEXEC, end);
    if (errno != EINTR) fail_errno(path);
    if (end.descriptor >= 0 && wait_for(end.descriptor, POLLIN, {-1, WaitEnd::Clock::now()}))
      return std::nullopt;
  }
}

UniqueFd open_own(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return {};
  if (S_ISFIFO(status.st_mode) || (S_ISCHR(status.st_mode) && ::isatty(fd) != 0)) {
    const int flags = ::fcntl(fd, F_GETFL);
    // One that can't be written must go on saying so.
    if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY) {
      UniqueFd own(
          ::open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
      if (own) return own;
    }
  }
  return UniqueFd(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
}

}  // namespace nn
