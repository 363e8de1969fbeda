#include "process/child.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "catch.hpp"

using namespace nn;
using namespace nn::process;

namespace {

std::string read_all(int fd) {
  std::string text;
  std::array<char, 256> bytes{};
  for (ssize_t n; (n = ::read(fd, bytes.data(), bytes.size())) > 0;) {
    text.append(bytes.data(), static_cast<std::size_t>(n));
  }
  return text;
}

}  // namespace

TEST_CASE("a command gets its own descriptors and no others of ours") {
  const UniqueFd ours(::open("/dev/null", O_RDONLY));  // not close-on-exec, as accepted sockets are
  REQUIRE(ours);
  Child child({"/bin/sh", "-c",
               "for fd in 3 4 5 6 7 8 9 10 11 12; do [ -e /proc/$$/fd/$fd ] && echo $fd; done; echo end"});
  const UniqueFd socket = child.take_socket();
  CHECK(read_all(socket.get()) == "end\n");

  auto [reader, writer] = make_pipe();
  const std::array<Handed, 2> handed = {Handed{writer.get(), 4}, {writer.get(), 1}};
  Child other({"/bin/sh", "-c", "echo one; echo four >&4; [ -e /proc/$$/fd/5 ] && echo five; exit 7"},
              handed);
  writer.reset();
  CHECK(read_all(reader.get()) == "one\nfour\n");
  std::optional<int> status;
  while (!(status = other.status())) {
  }
  CHECK(WEXITSTATUS(*status) == 7);
  CHECK(other.status() == status);
}
