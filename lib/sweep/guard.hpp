// A process that ends what an agent started, should the agent itself be killed; and what both need for that.
// For this module only.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace nn::sweep {

// Forks, and returns in the child, which is in a session of its own. The caller's process becomes its guard:
// it passes signals that ask to stop on, and when the child has ended, however that was, it ends with
// end_children() whatever is left of the child's, and then itself in the same way as the child. Should the
// guard be killed, the child gets SIGTERM. Both are subreapers: no descendant gets out of their sight by
// leaving its session, clearing its environment or losing its parent. Both hold standard input and output and
// `lock_descriptor`: whoever is at the other end of a connection, or waits for the lock, learns of the end of
// both. The caller must have one thread. Io error where it can't fork.
void continue_guarded(std::chrono::milliseconds patience);

// Children of this process, as /proc has them, also those that lost their own parents (subreaper).
std::vector<pid_t> children();

// Ends all children of this process, which must be a subreaper, and theirs: SIGTERM to each and its group,
// and SIGKILL after `patience`. Reaps them. Returns when none is left, or they don't die of SIGKILL either.
void end_children(std::chrono::milliseconds patience);

// Whether the environment of a process has NAME=value; nothing where there is none to be seen, as while it
// begins another program.
std::optional<bool> has_variable(pid_t pid, const std::string& variable);

}  // namespace nn::sweep
