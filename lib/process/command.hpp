// A command as it is started: its words, environment, descriptors, directory and process group.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace nn::process {

// A descriptor of ours, and its number in the child.
struct Handed {
  int ours = -1, theirs = -1;
};

struct Command {
  std::vector<std::string> words;        // at least one; the first is looked up in our PATH
  std::vector<std::string> environment;  // NAME=value, over our own; of two with a name the last counts
  std::string directory;                 // where it starts; empty: where we are
  std::vector<int> cores;                // that it may run on, all of them ours; empty: those of this thread

  // The child gets these descriptors, of ours those below the highest of them that are open, 0 to 2
  // among them, and no other.
  std::vector<Handed> descriptors;
  // Makes its standard input and output one end of a socket pair: Child::take_socket() is the other.
  bool socket = false;

  // A process group of its own lets signals reach the command with everything that it started, such
  // as the children of a shell. The terminal counts it as a background group: ^C does not reach it,
  // and it cannot read there. It is not stopped for trying (SIGTTIN is blocked): its read fails. What
  // may have to ask for a password, as ssh does, therefore belongs into our group while we are in the
  // terminal's foreground (at_terminal()); there the terminal sends ^C to all of the group.
  bool own_group = true;

  // The time that ~Child() waits before SIGTERM, and again before SIGKILL.
  std::chrono::milliseconds patience{1000};
};

// Why a command's first word couldn't be started now, as far as its file says; nothing where it could: it is
// looked up in our PATH where it has no slash. Io error.
std::optional<Error> why_not_startable(const std::string& word);

// Starts it, and returns its process, which is the id of its group as well if it has its own. Io error
// when it can't be started, unavailable where the system has no room for a process now. SIGCHLD must not be
// ignored, or nobody learns how it ended: that is undone where a parent left it so. May be called by several
// threads at a time.
pid_t spawn(const Command& command);

// Whether this process is in the foreground group of its terminal: reading there would work.
bool at_terminal();

}  // namespace nn::process
