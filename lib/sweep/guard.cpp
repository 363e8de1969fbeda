#include "sweep/guard.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <fstream>
#include <set>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/signals.hpp"
#include "sweep/agent_protocol.hpp"

namespace nn::sweep {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds between_looks{20};
constexpr std::chrono::seconds for_the_killed{10};

// Reaps those that have ended; whether any is left.
bool is_any_left() {
  pid_t pid = 0;
  while ((pid = ::waitpid(-1, nullptr, WNOHANG)) > 0 || (pid < 0 && errno == EINTR)) {
  }
  return pid == 0;
}

void signal_with_group(pid_t pid, int signal) {
  if (::getpgid(pid) == pid) {
    ::kill(-pid, signal);
  } else {
    ::kill(pid, signal);
  }
}

// SIGTERM, SIGINT and so on, as far as they aren't ignored, and the ends of children.
sigset_t watched_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) ::sigaddset(&set, signal);
  return set;
}

// The guard's own life: until the agent has ended, with its status.
int wait_for(pid_t agent) {
  const sigset_t watched = watched_signals();
  for (int status = 0;;) {
    const int signal = ::sigwaitinfo(&watched, nullptr);
    if (signal > 0 && signal != SIGCHLD) ::kill(agent, signal);
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
      if (pid == agent) return status;
    }
  }
}

[[noreturn]] void guard(pid_t agent, std::chrono::milliseconds patience) {
  ::dup2(::open("/dev/null", O_RDWR | O_CLOEXEC), STDERR_FILENO);
  ::close_range(lock_descriptor + 1, ~0U, 0);
  const int status = wait_for(agent);
  end_children(patience);
  if (WIFSIGNALED(status)) {
    ::signal(WTERMSIG(status), SIG_DFL);
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_UNBLOCK, &all, nullptr);
    ::kill(::getpid(), WTERMSIG(status));
  }
  ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

}  // namespace

void continue_guarded(std::chrono::milliseconds patience) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigset_t before;
  const sigset_t watched = watched_signals();
  ::sigprocmask(SIG_BLOCK, &watched, &before);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) fail_errno("fork");
  if (pid > 0) guard(pid, patience);
  ::setsid();
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // a fork doesn't inherit it
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  if (::getppid() != parent) ::raise(SIGTERM);  // it was killed before it could be noticed
}

std::vector<pid_t> children() {
  std::vector<pid_t> found;
  std::ifstream list(fmt::format("/proc/self/task/{}/children", ::getpid()));
  for (pid_t pid = 0; list >> pid;) found.push_back(pid);
  return found;
}

void end_children(std::chrono::milliseconds patience) {
  const auto pause = [] { ::poll(nullptr, 0, static_cast<int>(between_looks.count())); };
  std::set<pid_t> told;  // others come to light as their parents end
  for (const auto end = Clock::now() + patience; Clock::now() < end && is_any_left(); pause()) {
    for (const pid_t pid : children()) {
      if (!told.insert(pid).second) continue;
      signal_with_group(pid, SIGTERM);
      signal_with_group(pid, SIGCONT);
    }
  }
  for (const auto end = Clock::now() + for_the_killed; Clock::now() < end && is_any_left(); pause()) {
    for (const pid_t pid : children()) signal_with_group(pid, SIGKILL);
  }
}

std::optional<bool> has_variable(pid_t pid, const std::string& variable) {
  const UniqueFd fd(::open(fmt::format("/proc/{}/environ", pid).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return std::nullopt;
  std::string text(1, '\0');
  char part[16 << 10];
  for (ssize_t n; (n = ::read(fd.get(), part, sizeof part)) > 0;)
    text.append(part, static_cast<std::size_t>(n));
  if (text.size() == 1) return std::nullopt;
  text += '\0';
  return text.find('\0' + variable + '\0') != std::string::npos;
}

}  // namespace nn::sweep
