// A command that runs beside us.
#pragma once

#include <sys/types.h>

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/file.hpp"

namespace nn::process {

// A descriptor of ours, and its number in the child.
struct Handed {
  int ours = -1, theirs = -1;
};

class Child {
 public:
  // Starts argv (looked up in PATH), with one end of a socket pair as stdin and stdout, and our
  // stderr. Io error when it can't be started.
  explicit Child(const std::vector<std::string>& argv);
  // With these descriptors, and those below them that are open. Either way it gets no other one.
  Child(const std::vector<std::string>& argv, std::span<const Handed> descriptors);
  Child(const Child&) = delete;
  // Ends it: waits a second, then SIGTERM, a second more, then SIGKILL.
  ~Child();

  UniqueFd take_socket() { return std::move(socket_); }  // our end

  void send_signal(int signal);
  // As wait(2) has it, once it has ended; nothing before. Doesn't wait.
  std::optional<int> status();

 private:
  void start(const std::vector<std::string>& argv, std::span<const Handed> descriptors);
  bool ended_within(int milliseconds);
  pid_t pid_ = -1;  // while it runs, and until we know how it ended
  std::optional<int> status_;
  UniqueFd socket_;
};

// "it ended with exit status 127", "it was killed by signal 9", of a status as wait(2) has it.
std::string describe_end(int status);

}  // namespace nn::process
