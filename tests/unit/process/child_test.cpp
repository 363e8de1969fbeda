#include "process/child.hpp"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <thread>

#include "base/signals.hpp"
#include "catch.hpp"
#include "trees.hpp"

using namespace nn;
using namespace nn::process;
using namespace nn::process::test;

namespace {

constexpr std::chrono::milliseconds no_time{0}, moment{50};
constexpr std::chrono::seconds long_time{20};

void wait_for_end(const Child& child) {
  const UniqueFd end = child.end_descriptor();
  pollfd one{end.get(), POLLIN, 0};
  while (::poll(&one, 1, -1) != 1) {
  }
}

// The exit status of `body`, run in a process of its own.
int in_a_process(int (*body)(int), int argument) {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(body(argument));
  int status = 0;
  while (::waitpid(pid, &status, 0) != pid) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("a command's end is seen by a descriptor, and told as often as asked") {
  Command command = shell("read line; exit 7");
  command.socket = true;
  Child child(command);
  CHECK_FALSE(child.status());
  CHECK_FALSE(child.ended_within(no_time));
  child.take_socket().reset();
  wait_for_end(child);
  REQUIRE(child.status());
  CHECK(WEXITSTATUS(*child.status()) == 7);
  CHECK(describe_end(*child.status()) == "it ended with exit status 7");
  CHECK(child.ended_within(no_time));
}

TEST_CASE("a signal reaches the command and all that it started") {
  Tree tree("sleep 1000 & sleep 1000 & echo; wait");
  REQUIRE(tree.started);
  CHECK(::getpgid(tree.child->pid()) == tree.child->pid());
  tree.child->send_signal(SIGKILL);
  CHECK(tree.rest().empty());
  wait_for_end(*tree.child);
  CHECK(describe_end(*tree.child->status()) == "it was killed by signal 9");
  CHECK(tree.child->ended_within(long_time));
}

TEST_CASE("what outlives its command is ended with the Child") {
  Tree tree("sleep 1000 & echo; exit 3", moment);
  REQUIRE(tree.started);
  wait_for_end(*tree.child);
  CHECK(WEXITSTATUS(*tree.child->status()) == 3);
  CHECK_FALSE(tree.child->ended_within(no_time));
  tree.child.reset();
  CHECK(tree.rest().empty());
}

TEST_CASE("what ignores SIGTERM is killed") {
  Tree tree("trap '' TERM; sleep 1000 & echo; wait", moment);
  REQUIRE(tree.started);
  tree.child.reset();
  CHECK(tree.rest().empty());
}

TEST_CASE("what a shell started has the same time to end as the shell") {
  Tree tree("(sleep 1000 & trap 'echo saved; exit' TERM; echo; wait) & wait");
  REQUIRE(tree.started);
  tree.child->send_signal(SIGTERM);
  wait_for_end(*tree.child);
  tree.child.reset();
  CHECK(tree.rest() == "saved\n");
}

TEST_CASE("what is stopped can end") {
  Tree tree("sleep 1000 & trap 'echo saved; exit' TERM; echo; wait");
  REQUIRE(tree.started);
  tree.child->send_signal(SIGSTOP);
  siginfo_t info{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(tree.child->pid()), &info, WSTOPPED | WNOWAIT) == 0);
  CHECK_FALSE(tree.child->status());
  tree.child->send_signal(SIGTERM);
  CHECK_FALSE(tree.child->ended_within(no_time));
  tree.child->send_signal(SIGCONT);
  CHECK(tree.child->ended_within(long_time));
  tree.child.reset();
  CHECK(tree.rest() == "saved\n");
}

TEST_CASE("without a group of its own a command is in ours") {
  Command command = shell("read line");
  command.socket = true;
  command.own_group = false;
  const Child child(command);
  CHECK(::getpgid(child.pid()) == ::getpgrp());
}

TEST_CASE("a parent that ignored SIGCHLD hides no status") {
  ::signal(SIGCHLD, SIG_IGN);
  const Child child(shell("exit 5"));
  wait_for_end(child);
  CHECK(WEXITSTATUS(*child.status()) == 5);
}

TEST_CASE("a handler that wants no zombies hides no status") {
  struct sigaction action {
  }, before{};
  action.sa_handler = [](int) {};
  action.sa_flags = SA_NOCLDWAIT | SA_RESTART;
  REQUIRE(::sigaction(SIGCHLD, &action, &before) == 0);
  {
    const Child child(shell("exit 5"));
    wait_for_end(child);
    CHECK(WEXITSTATUS(*child.status()) == 5);
  }
  ::sigaction(SIGCHLD, &before, nullptr);
}

TEST_CASE("a tool doesn't ignore SIGCHLD, whatever its parent did") {
  CHECK(in_a_process(
            [](int) {
              ::signal(SIGCHLD, SIG_IGN);
              install_signal_handlers();
              struct sigaction action {};
              ::sigaction(SIGCHLD, nullptr, &action);
              return action.sa_handler == SIG_DFL ? 0 : 1;
            },
            -1) == 0);
}

TEST_CASE("a status that nobody knows is a failure") {
  const Child child(shell("exit 0"));
  wait_for_end(child);
  REQUIRE(::waitpid(child.pid(), nullptr, 0) == child.pid());  // as a SIGCHLD that is ignored later does
  CHECK(*child.status() != 0);
}

TEST_CASE("what a shell couldn't start fails for good, and what was called wrongly") {
  for (const auto& [text, for_good] : {std::pair("no-such-command", true),
                                       {"/dev/null", true},
                                       {"exit 2", true},
                                       {"exit 1", false},
                                       {"kill -9 $$", false}}) {
    INFO(text);
    const Child child(shell(std::string(text) + " 2>&-"));
    wait_for_end(child);
    CHECK(fails_for_good(*child.status()) == for_good);
  }
}

TEST_CASE("what asks us to stop is passed on") {
  auto [reader, writer] = make_pipe();
  const auto body = [](int output) {
    ::signal(SIGINT, SIG_DFL);  // a shell may have started the tests with it ignored
    install_signal_handlers();
    Command command =
        shell("sleep 1000 & trap 'echo interrupted; kill -KILL $!; exit' INT; echo started >&3; wait");
    auto [started, starting] = make_pipe();
    command.descriptors = {{output, STDOUT_FILENO}, {starting.get(), 3}};
    command.patience = long_time;
    const Child child(command);
    starting.reset();
    char byte = 0;
    if (::read(started.get(), &byte, 1) != 1) return 1;
    ::raise(SIGINT);
    return 0;
  };
  CHECK(in_a_process(body, writer.get()) == 0);
  writer.reset();
  CHECK(read_all(reader.get()) == "interrupted\n");
}

TEST_CASE("in the background of a terminal reading fails, in the foreground it doesn't") {
  const UniqueFd terminal(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal || ::grantpt(terminal.get()) != 0 || ::unlockpt(terminal.get()) != 0) {
    WARN("skipped: there are no pseudo-terminals");
    return;
  }
  const auto body = [](int master) {
    ::setsid();
    if (at_terminal()) return 1;
    const UniqueFd ours(::open(::ptsname(master), O_RDWR | O_CLOEXEC));  // of the new session from here on
    if (!at_terminal()) return 2;
    Command command = shell("read line </dev/tty 2>/dev/null || exit 7; [ \"$line\" = yes ]");
    const Child background(command);
    if (!background.ended_within(long_time)) return 3;
    if (WEXITSTATUS(*background.status()) != 7) return 4;
    command.own_group = false;
    const Child foreground(command);
    if (::write(master, "yes\n", 4) != 4 || !foreground.ended_within(long_time)) return 5;
    return WEXITSTATUS(*foreground.status());
  };
  CHECK(in_a_process(body, terminal.get()) == 0);
}

TEST_CASE("where the kernel has no pidfds, a thread waits") {
  bool filtered = false, ended = false;
  std::optional<int> status;
  std::string rest = "not read";
  std::thread([&] {
    // For this thread and what it starts only.
    std::array<sock_filter, 4> filter = {{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                                          BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_open, 0, 1),
                                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
                                          BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)}};
    const sock_fprog program{filter.size(), filter.data()};
    filtered = ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
               ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
    if (!filtered) return;
    {
      const Child child(shell("exit 7"));
      wait_for_end(child);
      status = child.status();
      ended = child.ended_within(long_time);
    }
    Tree tree("trap '' TERM; sleep 1000 & echo; exit", moment);
    wait_for_end(*tree.child);
    tree.child.reset();
    rest = tree.rest();
  }).join();
  if (!filtered) {
    WARN("skipped: this kernel filters no system calls");
    return;
  }
  REQUIRE(status);
  CHECK(WEXITSTATUS(*status) == 7);
  CHECK(ended);
  CHECK(rest.empty());
}
