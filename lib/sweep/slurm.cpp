#include "sweep/slurm.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "process/child.hpp"

namespace nn::sweep {
namespace {

constexpr std::size_t longest_list = 1 << 20;  // of nodes, in bytes

// What a command writes to its standard output. Io error where it can't be started, or goes wrong.
std::string output_of(std::vector<std::string> words) {
  auto [output, theirs] = make_pipe();
  process::Command command;
  command.words = std::move(words);
  command.descriptors = {{theirs.get(), STDOUT_FILENO}, {STDERR_FILENO, STDERR_FILENO}};
  const std::string name = command.words[0];
  const process::Child child(std::move(command));
  theirs.reset();
  std::string text;
  char part[4096];
  for (ssize_t n; (n = ::read(output.get(), part, sizeof part)) != 0;) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno(name);
    text.append(part, static_cast<std::size_t>(n));
    if (text.size() > longest_list) throw make_error(ErrorKind::io, "it says too much").within(name);
  }
  constexpr std::chrono::seconds patience{10};
  child.ended_within(patience);
  if (const int status = child.status().value_or(1); status != 0)
    throw make_error(ErrorKind::io, "{}", process::describe_end(status)).within(name);
  return text;
}

}  // namespace

std::vector<Host> slurm_hosts(const std::vector<std::string>& devices) {
  const char* nodes = ::getenv("SLURM_JOB_NODELIST");
  if (nodes == nullptr || *nodes == 0) {
    fail_usage(
        "this process is in no allocation of Slurm's (SLURM_JOB_NODELIST is not set); "
        "salloc and sbatch make one");
  }
  std::vector<Host> hosts;
  for (const std::string& line : split_lines(output_of({"scontrol", "show", "hostnames", nodes}))) {
    const std::string name(trim(line));
    if (name.empty()) continue;
    Host host;
    host.name = name;
    // One task that sees all of the node that the job has; other steps may run beside it.
    host.command = {"srun",
                    "--nodes=1",
                    "--ntasks=1",
                    "--ntasks-per-node=1",
                    "--nodelist=" + name,
                    "--overlap",
                    "--cpu-bind=none",
                    "--unbuffered",
                    "--quiet",
                    "--",
                    own_path(),
                    "agent"};
    for (const std::string& device : devices) {
      for (Slot& slot : parse_slots(device, name)) host.add(std::move(slot));
    }
    hosts.push_back(std::move(host));
  }
  if (hosts.empty()) fail_usage("the allocation has no nodes: SLURM_JOB_NODELIST is '{}'", printable(nodes));
  return hosts;
}

}  // namespace nn::sweep
