#include "process/command.hpp"

#include <fcntl.h>
#include <sys/wait.h>

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
