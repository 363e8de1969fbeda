#include "process/child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "base/error.hpp"

extern char** environ;  // NOLINT: POSIX

namespace nn::process {
namespace {

// Numbers of the child are below this.
constexpr int first_free = 16;

// Of a spawned process: our ends stay ours, signals are as the shell gave them to us.
class SpawnSetup {
 public:
  explicit SpawnSetup(std::span<const Handed> descriptors) {
    ::posix_spawn_file_actions_init(&actions);
    int last = STDERR_FILENO;
    for (const Handed& one : descriptors) {
      // Out of the way of those that are put in place before it.
      moved_.emplace_back(::fcntl(one.ours, F_DUPFD_CLOEXEC, first_free));
      if (!moved_.back()) fail_errno("dup");
      ::posix_spawn_file_actions_adddup2(&actions, moved_.back().get(), one.theirs);
      last = std::max(last, one.theirs);
    }
    // Connections of others are none of its business, and would not end while it has them too.
    ::posix_spawn_file_actions_addclosefrom_np(&actions, last + 1);
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

 private:
  std::vector<UniqueFd> moved_;
};

}  // namespace

Child::Child(const std::vector<std::string>& argv) {
  auto [ours, theirs] = socket_pair();
  socket_ = std::move(ours);
  const std::array<Handed, 2> descriptors = {Handed{theirs.get(), 0}, {theirs.get(), 1}};
  start(argv, descriptors);
}

Child::Child(const std::vector<std::string>& argv, std::span<const Handed> descriptors) {
  start(argv, descriptors);
}

void Child::start(const std::vector<std::string>& argv, std::span<const Handed> descriptors) {
  const SpawnSetup setup(descriptors);
  std::vector<char*> words;
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const int error = ::posix_spawnp(&pid_, words[0], &setup.actions, &setup.attributes, words.data(), environ);
  if (error != 0) {
    pid_ = -1;
    fail_errno(argv[0], error);
  }
}

void Child::send_signal(int signal) {
  if (pid_ > 0) ::kill(pid_, signal);
}

std::optional<int> Child::status() {
  if (pid_ < 0) return status_;
  int status = 0;
  const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
  if (ended == 0 || (ended < 0 && errno == EINTR)) return std::nullopt;
  pid_ = -1;
  status_ = status;
  return status_;
}

bool Child::ended_within(int milliseconds) {
  constexpr int step_ms = 5;
  for (int waited = 0;; waited += step_ms) {
    if (status()) return true;
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
  send_signal(SIGTERM);
  if (ended_within(patience_ms)) return;
  send_signal(SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string describe_end(int status) {
  return WIFSIGNALED(status) ? fmt::format("it was killed by signal {}", WTERMSIG(status))
                             : fmt::format("it ended with exit status {}", WEXITSTATUS(status));
}

}  // namespace nn::process
