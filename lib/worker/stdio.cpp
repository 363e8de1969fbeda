#include "worker/stdio.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <span>
#include <vector>

#include "base/error.hpp"

namespace nn::worker {
namespace {

constexpr std::size_t chunk = 256 << 10;
constexpr std::chrono::seconds last_words{1};

// How many bytes came; 0 at the end, also one by an error.
std::size_t read_once(int from, std::span<char> bytes) {
  for (;;) {
    const ssize_t n = ::read(from, bytes.data(), bytes.size());
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno == EAGAIN) wait_for(from, POLLIN, {});
    if (errno != EAGAIN && errno != EINTR) return 0;
  }
}

// Until one side ends, or the wait for the reader does.
void copy(int from, int to, const WaitEnd& end) {
  std::vector<char> bytes(chunk);
  try {
    while (const std::size_t n = read_once(from, bytes)) {
      struct iovec piece {
        bytes.data(), n
      };
      std::span<struct iovec> left(&piece, 1);
      if (!write_until(to, left, "standard output", end)) return;
    }
  } catch (const BrokenPipe&) {
  } catch (const Error&) {  // the session sees that the client is gone
  }
}

}  // namespace

StdioBridge::StdioBridge() {
  auto [ours, other] = socket_pair();
  ours_ = std::move(ours);
  theirs_ = std::make_shared<UniqueFd>(std::move(other));
  // Nothing ends the wait for input; the thread ends with the process.
  std::thread([theirs = theirs_] {
    copy(STDIN_FILENO, theirs->get(), {});
    ::shutdown(theirs->get(), SHUT_WR);
  }).detach();
  output_ = std::thread([this] { copy_output(); });
}

void StdioBridge::copy_output() {
  const UniqueFd out = open_own(STDOUT_FILENO);
  copy(theirs_->get(), out.get(), {give_up_.descriptor()});
  ::shutdown(theirs_->get(), SHUT_RDWR);
  done_.wake();
}

// The session that has the other end of the socket may still be in a queue of the loop, which has ended: the
// socket ends here, and what was written to it before can still be read.
StdioBridge::~StdioBridge() {
  ours_.reset();
  ::shutdown(theirs_->get(), SHUT_RD);
  if (!wait_for(done_.descriptor(), POLLIN, {-1, WaitEnd::Clock::now() + last_words})) give_up_.wake();
  output_.join();
}

}  // namespace nn::worker
