// A process that ends what an agent started, should the agent itself be killed. For this module only.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "base/file.hpp"

namespace nn::sweep {

// The variable whose value marks all processes of an agent; it is in their environment unless they cleared
// that.
inline constexpr char agent_variable[] = "NN_SWEEP_AGENT";

// Processes whose environment has NAME=value, as far as /proc lets us see; not this one.
bool has_variable(pid_t pid, const std::string& variable);
std::vector<pid_t> processes_with(const std::string& variable);

// Ends processes that have the variable: SIGTERM, and SIGKILL after `patience`. Returns when none is left, or
// they don't die of SIGKILL either.
void end_processes_with(const std::string& variable, std::chrono::milliseconds patience);

// The guard is a fork of this process, which must have one thread. It waits for this process's end, then ends
// the groups that are noted and all processes with the mark.
class Guard {
 public:
  // `mark` is NAME=value.
  Guard(const std::string& mark, std::chrono::milliseconds patience);
  Guard(const Guard&) = delete;
  // All is over: it ends without doing anything.
  ~Guard();
  pid_t pid() const { return pid_; }
  void add(pid_t group) { tell('+', group); }
  void remove(pid_t group) { tell('-', group); }

 private:
  void tell(char what, pid_t group);
  UniqueFd pipe_;
  pid_t pid_ = -1;
};

}  // namespace nn::sweep
