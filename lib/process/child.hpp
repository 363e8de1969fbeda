// A command that runs beside us.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/file.hpp"
#include "process/command.hpp"

namespace nn::process {

class ChildEnd;

// One thread at a time. The process stays a zombie when it ends, so that its number, and that of its
// group, are nobody else's as long as the Child lives.
//
// Nothing but the end of its socket or pipes tells a child that we were killed by SIGKILL:
// PR_SET_PDEATHSIG would send a signal when the thread that started it ends, which may be long before
// the process does, and would reach no grandchild. Children must end with their input.
class Child {
 public:
  // Starts the command. Errors as spawn() has them.
  explicit Child(Command command);
  Child(const Child&) = delete;
  // Ends it, and all that are in its group if it has its own: closes the socket, passes a signal on
  // that asked us to stop (base/signals.hpp), and waits for Command::patience; then SIGTERM, and the
  // same patience once more; then SIGKILL.
  ~Child();

  UniqueFd take_socket() { return std::move(socket_); }  // our end, of Command::socket

  pid_t pid() const { return pid_; }
  // A descriptor of the caller's that is readable (poll(2), Asio's async_wait) once the command has
  // ended; there is nothing to read. Io error where there are no descriptors left.
  UniqueFd end_descriptor() const;
  // As wait(2) has it, once the command has ended; nothing before. Doesn't wait.
  std::optional<int> status() const;
  // Waits until the command has ended, and all that are in its group if it has its own: false where
  // they haven't within that time.
  bool ended_within(std::chrono::milliseconds time) const;

  // What the command has used, once it has ended: it alone, with those children that it waited for. Nothing
  // before.
  struct Usage {
    double user_s = 0, system_s = 0;
    std::int64_t most_memory_kb = 0;
  };
  std::optional<Usage> usage() const;

  // To all that are in its group, if it has its own, also when the command itself has ended.
  void send_signal(int signal) const;
  // Kills all that are in its group, if it has its own, or it alone. The destructor then waits for nobody but
  // the command itself.
  void kill_now();

 private:
  void end();

  pid_t pid_ = -1;
  bool own_group_;
  std::chrono::milliseconds patience_;
  bool killed_ = false;
  std::unique_ptr<const ChildEnd> end_;
  UniqueFd socket_;
};

// "it ended with exit status 127", "it was killed by signal 9", of a status as wait(2) has it.
std::string describe_end(int status);

// Whether another try would end in the same way: a shell, or ssh(1) of the shell over there, says with it
// that it found no such command, or one that can't be executed; shells and most commands, that they were
// called wrongly.
bool fails_for_good(int status);

}  // namespace nn::process
