// A process that ends what an agent started, should the agent itself be killed. For this module only.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
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
// the groups that are noted and all processes with the mark. Notes are in memory that both share: it sleeps
// until then.
class Guard {
 public:
  // Those beyond are found by the mark alone.
  static constexpr std::size_t most_groups = 4096;
  using Groups = std::array<std::atomic<pid_t>, most_groups>;

  // `mark` is NAME=value.
  Guard(const std::string& mark, std::chrono::milliseconds patience);
  Guard(const Guard&) = delete;
  // All is over: it ends without doing anything.
  ~Guard();
  pid_t pid() const { return pid_; }
  void add(pid_t group) { replace(0, group); }
  void remove(pid_t group) { replace(group, 0); }

 private:
  void replace(pid_t was, pid_t is);
  UniqueFd pipe_;
  Groups* groups_ = nullptr;
  pid_t pid_ = -1;
};

}  // namespace nn::sweep
