#include "worker/stdio.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "base/error.hpp"

namespace nn::worker {
namespace {

constexpr std::size_t chunk = 256 << 10;

// Until one side ends.
void copy(int from, int to) {
  std::vector<char> bytes(chunk);
  for (;;) {
    const ssize_t n = ::read(from, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;
    for (ssize_t done = 0; done < n;) {
      const ssize_t written = ::write(to, bytes.data() + done, static_cast<std::size_t>(n - done));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return;
      done += written;
    }
  }
}

}  // namespace

StdioBridge::StdioBridge() {
  auto [ours, other] = socket_pair();
  ours_ = std::move(ours);
  const std::shared_ptr<UniqueFd> theirs = std::make_shared<UniqueFd>(std::move(other));
  // Nothing ends the wait for input; the thread ends with the process.
  std::thread([theirs] {
    copy(STDIN_FILENO, theirs->get());
    ::shutdown(theirs->get(), SHUT_WR);
  }).detach();
  output_ = std::thread([theirs] {
    copy(theirs->get(), STDOUT_FILENO);
    ::shutdown(theirs->get(), SHUT_RDWR);
  });
}

StdioBridge::~StdioBridge() {
  ours_.reset();
  output_.join();
}

}  // namespace nn::worker
