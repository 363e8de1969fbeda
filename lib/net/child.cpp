#include "net/child.hpp"

#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include <cerrno>
#include <csignal>

#include "base/error.hpp"

extern char** environ;  // NOLINT: POSIX

namespace nn {
namespace {

// Of a spawned process: our ends stay ours, signals are as the shell gave them to us.
class SpawnSetup {
 public:
  explicit SpawnSetup(int fd) {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, fd, 0);
    ::posix_spawn_file_actions_adddup2(&actions, fd, 1);
    ::posix_spawnattr_init(&attributes);
    sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGPIPE);
    ::posix_spawnattr_setsigdefault(&attributes, &set);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnSetup() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

}  // namespace

Child::Child(const std::vector<std::string>& argv) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) fail_errno("socketpair");
  socket_ = UniqueFd(ends[0]);
  const UniqueFd theirs(ends[1]);
  const SpawnSetup setup(theirs.get());
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const int error = ::posix_spawnp(&pid_, words[0], &setup.actions, &setup.attributes, words.data(), environ);
  if (error != 0) {
    pid_ = -1;
    fail_errno(argv[0], error);
  }
}

bool Child::ended_within(int milliseconds) {
  constexpr int step_ms = 5;
  for (int waited = 0;; waited += step_ms) {
    const pid_t ended = ::waitpid(pid_, nullptr, WNOHANG);
    if (ended == pid_ || (ended < 0 && errno == ECHILD)) return true;
    if (waited >= milliseconds) return false;
    const timespec pause{0, step_ms * 1'000'000};
    ::nanosleep(&pause, nullptr);
  }
}

Child::~Child() {
  if (pid_ < 0) return;
  socket_.reset();
  constexpr int patience_ms = 1000;
  if (ended_within(patience_ms)) return;
  ::kill(pid_, SIGTERM);
  if (ended_within(patience_ms)) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

}  // namespace nn
