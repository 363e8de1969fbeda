// Descriptors that become readable when a process ends: poll(2) and Asio can watch them. For this
// module only.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <thread>

#include "base/file.hpp"

namespace nn::process {

using Clock = std::chrono::steady_clock;

// Watches a child of ours: by a pidfd, and where the kernel has none (before Linux 5.3) or a sandbox
// forbids it, by a thread that waits and then writes to a pipe.
class ChildEnd {
 public:
  // Io error where there are no descriptors left.
  explicit ChildEnd(pid_t child);
  ChildEnd(const ChildEnd&) = delete;
  // REQUIRES: the child has ended, and has not been reaped.
  ~ChildEnd();
  // Readable once the child has ended.
  int descriptor() const { return descriptor_.get(); }
  // Waits for the end, at most until the deadline; false where that came first.
  bool wait_until(Clock::time_point deadline) const;

 private:
  UniqueFd descriptor_;
  std::thread thread_;  // only without pidfds
};

// Waits until nobody but its leader is left in a process group, at most until the deadline; false where
// that came first. What is a zombie has ended. Others of the group are found in /proc: where that
// isn't readable, nobody is seen.
// REQUIRES: the leader has not been reaped, so that the group's number is nobody else's.
bool wait_for_group(pid_t group, Clock::time_point deadline);

}  // namespace nn::process
