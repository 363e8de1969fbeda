#include "process/child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <tuple>
#include <utility>

#include "base/error.hpp"
#include "base/signals.hpp"
#include "process/child_end.hpp"

namespace nn::process {
namespace {

// The pid is as good as the pidfd until it is reaped, works with the first kernels that have pidfds
// (P_PIDFD came a version later), and doesn't care whether Asio made the pidfd non-blocking.
int wait_child(pid_t pid, siginfo_t& info, int flags) {
  int failed = 0;
  while ((failed = ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | flags)) != 0 && errno == EINTR) {
  }
  return failed;
}

// A status as wait(2) has it.
int status_of(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return (info.si_status & 0xff) << 8;
  return info.si_code == CLD_DUMPED ? info.si_status | 0x80 : info.si_status;
}

}  // namespace

Child::Child(Command command) : own_group_(command.own_group), patience_(command.patience) {
  UniqueFd theirs;
  if (command.socket) {
    std::tie(socket_, theirs) = socket_pair();
    command.descriptors.push_back({theirs.get(), STDIN_FILENO});
    command.descriptors.push_back({theirs.get(), STDOUT_FILENO});
  }
  pid_ = spawn(command);
  try {
    end_ = std::make_unique<const ChildEnd>(pid_);
  } catch (...) {
    send_signal(SIGKILL);
    siginfo_t info{};
    wait_child(pid_, info, 0);
    throw;
  }
}

UniqueFd Child::end_descriptor() const {
  UniqueFd copy(::fcntl(end_->descriptor(), F_DUPFD_CLOEXEC, 0));
  if (!copy) fail_errno("dup");
  return copy;
}

std::optional<int> Child::status() const {
  siginfo_t info{};
  // If somebody else has reaped it, which is a bug of ours, nobody knows how it ended: not well.
  if (wait_child(pid_, info, WNOHANG | WNOWAIT) != 0) return 0xff << 8;
  if (info.si_pid == 0) return std::nullopt;
  return status_of(info);
}

std::optional<Child::Usage> Child::usage() const {
  // The C library's waitid(2) leaves out what the kernel's has: a fifth argument.
  siginfo_t info{};
  rusage used{};
  const int flags = WEXITED | WNOHANG | WNOWAIT;
  if (::syscall(SYS_waitid, P_PID, pid_, &info, flags, &used) != 0 || info.si_pid == 0) return std::nullopt;
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return Usage{seconds(used.ru_utime), seconds(used.ru_stime), used.ru_maxrss};
}

void Child::kill_now() {
  killed_ = true;
  send_signal(SIGKILL);
}

bool Child::ended_within(std::chrono::milliseconds time) const {
  const auto deadline = Clock::now() + time;
  return end_->wait_until(deadline) && (!own_group_ || wait_for_group(pid_, deadline));
}

void Child::send_signal(int signal) const { ::kill(own_group_ ? -pid_ : pid_, signal); }

void Child::end() {
  // In our own group it may have that from the terminal already.
  if (own_group_ && stop_requested() != 0) send_signal(stop_requested());
  if (ended_within(patience_)) return;
  send_signal(SIGTERM);
  send_signal(SIGCONT);  // what is stopped handles it as well
  if (ended_within(patience_)) return;
  send_signal(SIGKILL);
  siginfo_t info{};
  wait_child(pid_, info, WNOWAIT);
  ended_within(patience_);
}

Child::~Child() {
  socket_.reset();
  if (!killed_) end();
  if (own_group_) send_signal(SIGKILL);  // whom we can't see in /proc
  end_.reset();
  siginfo_t info{};
  wait_child(pid_, info, 0);
}

bool fails_for_good(int status) {
  constexpr int not_executable = 126, not_found = 127;  // POSIX, 2.8.2 of the shell's language
  if (!WIFEXITED(status)) return false;
  const int code = WEXITSTATUS(status);
  return code == exit_usage || code == not_executable || code == not_found;
}

std::string describe_end(int status) {
  return WIFSIGNALED(status) ? fmt::format("it was killed by signal {}", WTERMSIG(status))
                             : fmt::format("it ended with exit status {}", WEXITSTATUS(status));
}

}  // namespace nn::process
