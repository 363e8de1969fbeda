#include "process/command.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <system_error>

#include "base/error.hpp"
#include "base/file.hpp"

extern char** environ;  // NOLINT: POSIX

namespace nn::process {
namespace {

// Numbers of the child are below this.
constexpr int first_free = 16;

// Attributes of a spawned process: our ends stay ours, signals are as the shell gave them to us.
class SpawnSetup {
 public:
  explicit SpawnSetup(const Command& command) {
    // Out of the way of those that are put in place before them.
    for (const Handed& one : command.descriptors) {
      moved_.emplace_back(::fcntl(one.ours, F_DUPFD_CLOEXEC, first_free));
      if (!moved_.back()) fail_errno("dup");
    }
    ::posix_spawn_file_actions_init(&actions);
    int last = STDERR_FILENO;
    for (std::size_t i = 0; i < moved_.size(); ++i) {
      const int theirs = command.descriptors[i].theirs;
      ::posix_spawn_file_actions_adddup2(&actions, moved_[i].get(), theirs);
      last = std::max(last, theirs);
    }
    // Connections of others are none of its business, and would not end while it has them too.
    ::posix_spawn_file_actions_addclosefrom_np(&actions, last + 1);
    if (!command.directory.empty()) {
      ::posix_spawn_file_actions_addchdir_np(&actions, command.directory.c_str());
    }
    ::posix_spawnattr_init(&attributes);
    int flags = POSIX_SPAWN_SETSIGDEF;
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGPIPE);
    ::sigaddset(&set, SIGCHLD);
    ::posix_spawnattr_setsigdefault(&attributes, &set);
    if (command.own_group) {
      flags |= POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK;
      ::posix_spawnattr_setpgroup(&attributes, 0);
      // In the background of a terminal it may write there, and gets an error when it reads.
      ::pthread_sigmask(SIG_BLOCK, nullptr, &set);
      ::sigaddset(&set, SIGTTIN);
      ::sigaddset(&set, SIGTTOU);
      ::posix_spawnattr_setsigmask(&attributes, &set);
    }
    ::posix_spawnattr_setflags(&attributes, static_cast<short>(flags));
  }
  SpawnSetup(const SpawnSetup&) = delete;
  ~SpawnSetup() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;

 private:
  std::vector<UniqueFd> moved_;
};

std::vector<char*> words_of(const std::vector<std::string>& words) {
  std::vector<char*> out;
  out.reserve(words.size() + 1);
  for (const std::string& word : words) out.push_back(const_cast<char*>(word.c_str()));
  out.push_back(nullptr);
  return out;
}

// The command's own variables, then those of ours that it doesn't name.
std::vector<char*> environment_of(const Command& command) {
  std::vector<char*> out;
  std::vector<std::string_view> named;
  const auto add = [&](char* variable) {
    const std::string_view text(variable);
    const std::string_view name = text.substr(0, text.find('='));
    if (std::find(named.begin(), named.end(), name) != named.end()) return;
    named.push_back(name);
    out.push_back(variable);
  };
  for (auto own = command.environment.rbegin(); own != command.environment.rend(); ++own) {
    add(const_cast<char*>(own->c_str()));
  }
  for (char** ours = environ; *ours != nullptr; ++ours) add(*ours);
  out.push_back(nullptr);
  return out;
}

// The kernel reaps children by itself where SIGCHLD is ignored, or its handler doesn't want them to wait.
void keep_ended_children() {
  struct sigaction action {};
  ::sigaction(SIGCHLD, nullptr, &action);
  if (action.sa_handler == SIG_IGN) {
    action = {};
  } else if ((action.sa_flags & SA_NOCLDWAIT) == 0) {
    return;
  }
  action.sa_flags &= ~SA_NOCLDWAIT;
  ::sigaction(SIGCHLD, &action, nullptr);
}

}  // namespace

pid_t spawn(const Command& command) {
  keep_ended_children();
  const SpawnSetup setup(command);
  const std::vector<char*> words = words_of(command.words);
  const std::vector<char*> environment = environment_of(command);
  pid_t pid = -1;
  const int error =
      ::posix_spawnp(&pid, words[0], &setup.actions, &setup.attributes, words.data(), environment.data());
  if (error == 0) return pid;
  // One number is all that says what failed.
  if (!command.directory.empty() && ::access(command.directory.c_str(), X_OK) != 0) {
    fail_errno(command.directory);
  }
  if (error == EAGAIN || error == ENOMEM) {  // too many processes, or too little memory, for now
    throw Error(ErrorKind::unavailable, std::generic_category().message(error)).within_file(command.words[0]);
  }
  fail_errno(command.words[0], error);
}

bool at_terminal() {
  const UniqueFd terminal(::open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC));
  return terminal && ::tcgetpgrp(terminal.get()) == ::getpgrp();
}

}  // namespace nn::process
