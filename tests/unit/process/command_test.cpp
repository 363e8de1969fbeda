#include "process/command.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>

#include "base/error.hpp"
#include "catch.hpp"
#include "trees.hpp"

using namespace nn;
using namespace nn::process;
using namespace nn::process::test;

namespace {

// What it writes to its socket.
std::string output_of(Command command) {
  command.socket = true;
  Child child(std::move(command));
  return read_all(child.take_socket().get());
}

}  // namespace

TEST_CASE("a command gets its own descriptors and no others of ours") {
  const UniqueFd ours(::open("/dev/null", O_RDONLY));  // not close-on-exec, as accepted sockets are
  REQUIRE(ours);
  CHECK(output_of(shell("for fd in 3 4 5 6 7 8 9 10 11 12; do [ -e /proc/$$/fd/$fd ] && echo $fd; done; "
                        "echo end")) == "end\n");

  auto [reader, writer] = make_pipe();
  Command command = shell("echo one; echo four >&4; [ -e /proc/$$/fd/5 ] && echo five; exit 7");
  command.descriptors = {{writer.get(), 4}, {writer.get(), 1}};
  const Child child(command);
  writer.reset();
  CHECK(read_all(reader.get()) == "one\nfour\n");
  CHECK(child.ended_within(std::chrono::seconds(20)));
  CHECK(WEXITSTATUS(*child.status()) == 7);
}

TEST_CASE("a command's variables are over ours") {
  ::setenv("NN_OURS", "ours", 1);
  ::setenv("NN_BOTH", "ours", 1);
  Command command = shell("echo \"$NN_OURS $NN_BOTH $NN_THEIRS\"");
  command.environment = {"NN_BOTH=first", "NN_THEIRS=", "NN_BOTH=theirs", "NN_THEIRS=a b=c"};
  CHECK(output_of(command) == "ours theirs a b=c\n");
  CHECK(std::string(::getenv("NN_BOTH")) == "ours");
}

TEST_CASE("a command starts in its folder") {
  Command command = shell("pwd");
  CHECK(output_of(command) == std::filesystem::current_path().string() + "\n");
  command.directory = "/";
  CHECK(output_of(command) == "/\n");
}

TEST_CASE("what can't be started is named") {
  Command command;
  command.words = {"/gone/command", "x"};
  CHECK_THROWS_WITH(Child(command), "/gone/command: No such file or directory");
  command = shell("true");
  command.directory = "/gone";
  CHECK_THROWS_WITH(Child(command), "/gone: No such file or directory");
}

TEST_CASE("a command with cores of its own has them, and all else as one without") {
  cpu_set_t before, after;
  ::sched_getaffinity(0, sizeof before, &before);
  int core = 0;
  while (!CPU_ISSET(core, &before)) ++core;
  const UniqueFd ours(::open("/dev/null", O_RDONLY));
  ::signal(SIGUSR1, SIG_IGN);
  // Which descriptors it has, what it does with signals (but for glibc's own, 32 and 33, which posix_spawn()
  // ignores), its folder, whether its group is its own; its cores.
  Command command = shell(
      "ls /proc/$$/fd; grep -E '^(Sig|Shd)' /proc/$$/status | grep -v SigQ | sed -E 's/.{9}(.{7})$/\\1/'; "
      "pwd; "
      "cut -d' ' -f5 /proc/$$/stat | grep -cx $$; grep Cpus_allowed_list /proc/self/status | cut -f 2");
  command.directory = "/";
  for (const bool own_group : {true, false}) {
    command.own_group = own_group;
    command.cores.clear();
    const std::string plain = output_of(command);
    command.cores = {core};
    const std::string bound = output_of(command);
    const auto last_line = [](const std::string& text) { return text.rfind('\n', text.size() - 2) + 1; };
    CHECK(bound.substr(0, last_line(bound)) == plain.substr(0, last_line(plain)));
    CHECK(bound.substr(last_line(bound)) == std::to_string(core) + "\n");
  }
  ::signal(SIGUSR1, SIG_DFL);
  ::sched_getaffinity(0, sizeof after, &after);
  CHECK(CPU_EQUAL(&before, &after));

  Command gone;
  gone.cores = {core};
  gone.words = {"/gone/command", "x"};
  CHECK_THROWS_WITH(Child(gone), "/gone/command: No such file or directory");
  gone = shell("true");
  gone.cores = {core};
  gone.directory = "/gone";
  CHECK_THROWS_WITH(Child(gone), "/gone: No such file or directory");
}
