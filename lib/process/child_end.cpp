#include "process/child_end.hpp"

#include <dirent.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "base/error.hpp"

namespace nn::process {
namespace {

// The C library of Debian 12 knows the number only.
UniqueFd pidfd_open(pid_t pid) { return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))); }

// Until it is readable.
bool readable_until(int descriptor, Clock::time_point deadline) {
  for (;;) {
    const std::int64_t left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    pollfd one{descriptor, POLLIN, 0};
    const int n = ::poll(&one, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, INT_MAX)));
    if (n > 0) return true;
    if (n == 0 && left <= 0) return false;
    if (n < 0 && errno != EINTR) return false;
  }
}

struct Members {
  std::vector<UniqueFd> ends;  // readable when they end
  bool unwatched = false;      // there are some that no descriptor can be had of
};

Members living_members(pid_t group) {
  Members members;
  const std::unique_ptr<DIR, int (*)(DIR*)> processes(::opendir("/proc"), ::closedir);
  if (!processes) return members;
  while (const dirent* entry = ::readdir(processes.get())) {
    const char* name = entry->d_name;
    pid_t pid = -1;
    if (std::from_chars(name, name + std::strlen(name), pid).ec != std::errc()) continue;
    if (pid == group || ::getpgid(pid) != group) continue;
    UniqueFd end = pidfd_open(pid);
    if (!end) {
      members.unwatched = members.unwatched || errno != ESRCH;
      continue;
    }
    // The number may have become another process's before we had the descriptor.
    if (::getpgid(pid) != group || readable_until(end.get(), Clock::time_point())) continue;
    members.ends.push_back(std::move(end));
  }
  return members;
}

}  // namespace

ChildEnd::ChildEnd(pid_t child) : descriptor_(pidfd_open(child)) {
  if (descriptor_) return;
  if (errno != ENOSYS && errno != EPERM) fail_errno("pidfd_open");
  auto [reader, writer] = make_pipe();
  descriptor_ = std::move(reader);
  thread_ = std::thread([child, writer = std::move(writer)] {
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
    }
    const char byte = 0;
    [[maybe_unused]] const ssize_t n = ::write(writer.get(), &byte, 1);
  });
}

ChildEnd::~ChildEnd() {
  if (thread_.joinable()) thread_.join();
}

bool ChildEnd::wait_until(Clock::time_point deadline) const {
  return readable_until(descriptor_.get(), deadline);
}

bool wait_for_group(pid_t group, Clock::time_point deadline) {
  // Without pidfds there is nothing to wait on: strangers' ends reach their own parents only.
  constexpr std::chrono::milliseconds look_again{10};
  for (;;) {
    const Members members = living_members(group);
    if (members.ends.empty() && !members.unwatched) return true;
    for (const UniqueFd& end : members.ends) {
      if (!readable_until(end.get(), deadline)) return false;
    }
    if (Clock::now() >= deadline) return false;
    if (members.unwatched) ::poll(nullptr, 0, look_again.count());
  }
}

}  // namespace nn::process
