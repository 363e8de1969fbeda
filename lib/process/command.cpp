#include "process/command.hpp"

#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"

extern char** environ;  // NOLINT: POSIX

namespace nn::process {
namespace {

// Numbers of the child are below this.
constexpr int first_free = 16;

// What a spawned process gets: our ends stay ours, signals are as the shell gave them to us.
class SpawnSetup {
 public:
  explicit SpawnSetup(const Command& command) : command_(command) {
    // Out of the way of those that are put in place before them.
    for (const Handed& one : command.descriptors) {
      moved_.emplace_back(::fcntl(one.ours, F_DUPFD_CLOEXEC, first_free));
      if (!moved_.back()) fail_errno("dup");
      last_ = std::max(last_, one.theirs);
    }
    ::sigemptyset(&default_);
    ::sigaddset(&default_, SIGPIPE);
    ::sigaddset(&default_, SIGCHLD);
    ::pthread_sigmask(SIG_BLOCK, nullptr, &mask_);
    if (command.own_group) {
      // In the background of a terminal it may write there, and gets an error when it reads.
      ::sigaddset(&mask_, SIGTTIN);
      ::sigaddset(&mask_, SIGTTOU);
    }
    CPU_ZERO(&cores_);
    for (const int core : command.cores) CPU_SET(core, &cores_);
  }
  SpawnSetup(const SpawnSetup&) = delete;

  // Both start it: 0 and its process, or an error number.
  int spawn(pid_t& pid, char* const* words, char* const* environment) const;
  // With cores of its own. posix_spawn() knows nothing of them: with cores that are the parent's for the time
  // of the call, the parent wakes behind the child on one of these, and has to wait for it.
  int spawn_on_cores(pid_t& pid, char* const* words, char* const* environment) const;

 private:
  [[noreturn]] void become(int report, char* const* words, char* const* environment) const;

  const Command& command_;
  std::vector<UniqueFd> moved_;
  int last_ = STDERR_FILENO;
  sigset_t default_{}, mask_{};
  cpu_set_t cores_{};
};

int SpawnSetup::spawn(pid_t& pid, char* const* words, char* const* environment) const {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  for (std::size_t i = 0; i < moved_.size(); ++i) {
    ::posix_spawn_file_actions_adddup2(&actions, moved_[i].get(), command_.descriptors[i].theirs);
  }
  // Connections of others are none of its business, and would not end while it has them too.
  ::posix_spawn_file_actions_addclosefrom_np(&actions, last_ + 1);
  if (!command_.directory.empty()) {
    ::posix_spawn_file_actions_addchdir_np(&actions, command_.directory.c_str());
  }
  ::posix_spawnattr_init(&attributes);
  int flags = POSIX_SPAWN_SETSIGDEF;
  ::posix_spawnattr_setsigdefault(&attributes, &default_);
  if (command_.own_group) {
    flags |= POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK;
    ::posix_spawnattr_setpgroup(&attributes, 0);
    ::posix_spawnattr_setsigmask(&attributes, &mask_);
  }
  ::posix_spawnattr_setflags(&attributes, static_cast<short>(flags));
  const int error = ::posix_spawnp(&pid, words[0], &actions, &attributes, words, environment);
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  return error;
}

int SpawnSetup::spawn_on_cores(pid_t& pid, char* const* words, char* const* environment) const {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return errno;
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  writing = UniqueFd(::fcntl(writing.get(), F_DUPFD_CLOEXEC, first_free));
  if (!writing) return errno;
  // Until it is another program, the child has our memory, and none of our handlers may run there.
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  pid = ::vfork();  // NOLINT: become() does what may be done there
  if (pid == 0) become(writing.get(), words, environment);
  const int failed = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return failed;
  writing.reset();
  int error = 0;
  if (::read(reading.get(), &error, sizeof error) != sizeof error) return 0;
  ::waitpid(pid, nullptr, 0);
  return error;
}

// In the child: system calls only.
void SpawnSetup::become(int report, char* const* words, char* const* environment) const {
  struct sigaction action {};
  action.sa_handler = SIG_DFL;
  const bool ready = [&] {
    for (int signal = 1; signal < NSIG; ++signal) {
      struct sigaction now {};
      if (::sigaction(signal, nullptr, &now) != 0) continue;
      const bool stays = now.sa_handler == SIG_IGN && ::sigismember(&default_, signal) == 0;
      if (!stays) ::sigaction(signal, &action, nullptr);
    }
    if (command_.own_group && ::setpgid(0, 0) != 0) return false;
    if (::sched_setaffinity(0, sizeof cores_, &cores_) != 0) return false;
    for (std::size_t i = 0; i < moved_.size(); ++i) {
      if (::dup2(moved_[i].get(), command_.descriptors[i].theirs) < 0) return false;
    }
    const auto first = static_cast<unsigned>(last_) + 1, kept = static_cast<unsigned>(report);
    if (first < kept) ::close_range(first, kept - 1, 0);
    ::close_range(std::max(first, kept + 1), ~0U, 0);
    if (!command_.directory.empty() && ::chdir(command_.directory.c_str()) != 0) return false;
    return ::sigprocmask(SIG_SETMASK, &mask_, nullptr) == 0;
  }();
  if (ready) ::execvpe(words[0], words, environment);
  const int error = errno;
  [[maybe_unused]] const ssize_t written = ::write(report, &error, sizeof error);
  ::_exit(127);
}

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

std::optional<Error> why_not_startable(const std::string& word) {
  int error = ENOENT;
  const auto look_at = [&](const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return errno;
    if (S_ISDIR(status.st_mode)) return EISDIR;
    return ::access(path.c_str(), X_OK) == 0 ? 0 : errno;
  };
  if (word.find('/') != std::string::npos) {
    error = look_at(word);
  } else if (const char* path = std::getenv("PATH"); path != nullptr && !word.empty()) {
    for (const std::string& folder : split(path, ':')) {
      const int here = look_at((folder.empty() ? "." : folder) + "/" + word);
      if (here == 0) return std::nullopt;
      if (here == EACCES) error = here;
    }
  }
  if (error == 0) return std::nullopt;
  return Error(ErrorKind::io, std::generic_category().message(error)).within_file(word);
}

pid_t spawn(const Command& command) {
  keep_ended_children();
  const SpawnSetup setup(command);
  const std::vector<char*> words = words_of(command.words);
  const std::vector<char*> environment = environment_of(command);
  pid_t pid = -1;
  const int error = command.cores.empty() ? setup.spawn(pid, words.data(), environment.data())
                                          : setup.spawn_on_cores(pid, words.data(), environment.data());
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
