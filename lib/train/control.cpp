#include "train/control.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"

namespace nn::train {
namespace {

constexpr std::chrono::milliseconds pause{10};  // between looks
constexpr std::size_t longest_line = 256;
constexpr std::size_t most_members = 1'000'000;

}  // namespace

bool Control::is_stopped(std::int64_t number) {
  if (!listens_) return false;
  const std::lock_guard lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (descriptor_ >= 0 && now >= next_) {
    next_ = now + pause;
    read();
  }
  return stopped_.contains(number);
}

void Control::read() {
  std::array<char, 4096> buffer;
  pollfd wait{descriptor_, POLLIN, 0};
  // The descriptor may wait when it is read, and isn't ours alone, so that this can't be changed: it is asked
  // first.
  while (::poll(&wait, 1, 0) > 0) {
    const ssize_t n = ::read(descriptor_, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {  // nobody is there any more
      descriptor_ = -1;
      return;
    }
    for (const char c : std::string_view(buffer.data(), static_cast<std::size_t>(n))) {
      if (c != '\n') {
        if (pending_.size() < longest_line) pending_ += c;
        continue;
      }
      take(pending_);
      pending_.clear();
    }
  }
}

void Control::take(std::string_view line) {
  constexpr std::string_view stop = "stop ";
  const auto number = line.starts_with(stop) ? find_integer(line.substr(stop.size())) : std::nullopt;
  if (!number || *number < 1)
    return warn("'{}' is nothing that a run can be told; 'stop MEMBER' is", printable(line));
  if (stopped_.size() < most_members) stopped_.insert(*number);
}

}  // namespace nn::train
