#include "base/wait.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>

#include "base/error.hpp"
#include "base/json_lines.hpp"
#include "catch.hpp"

namespace fs = std::filesystem;
using namespace nn;

namespace {

class Folder {
 public:
  Folder() : path_((fs::temp_directory_path() / "nn-wait-XXXXXX").string()) {
    REQUIRE(::mkdtemp(path_.data()) != nullptr);
  }
  ~Folder() { fs::remove_all(path_); }
  std::string fifo(const std::string& name) const {
    const std::string path = path_ + "/" + name;
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    return path;
  }

 private:
  std::string path_;
};

const WaitEnd at_once{-1, WaitEnd::Clock::time_point()};

std::string text_in(int fd) {
  std::string text(1 << 20, '\0');
  const ssize_t n = ::read(fd, text.data(), text.size());
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return text;
}

}  // namespace

TEST_CASE(
    "what is written to somebody else's pipe or socket goes out as far as there is room, and then waits") {
  const bool socket = GENERATE(false, true);
  auto [reader, writer] = socket ? socket_pair() : make_pipe();
  const std::string text(4 << 20, 'x');
  struct iovec piece {
    const_cast<char*>(text.data()), text.size()
  };
  std::span<struct iovec> left(&piece, 1);
  CHECK_FALSE(write_until(writer.get(), left, "it", at_once));
  const std::size_t gone = text.size() - piece.iov_len;
  CHECK(gone >= 4096);
  CHECK(piece.iov_len > 0);
  CHECK((::fcntl(writer.get(), F_GETFL) & O_NONBLOCK) == 0);

  const WakeUp wake_up;
  wake_up.wake();
  CHECK_FALSE(write_until(writer.get(), left, "it", {wake_up.descriptor()}));
  std::thread other([&, from = reader.get()] {
    for (std::size_t got = 0; got < text.size();) got += text_in(from).size();
  });
  CHECK(write_until(writer.get(), left, "it", {}));
  CHECK(left.empty());
  other.join();
}

TEST_CASE("a reader that is gone is a broken pipe, also for a descriptor of our own") {
  ::signal(SIGPIPE, SIG_IGN);  // as every tool does
  auto [reader, writer] = make_pipe();
  const UniqueFd own = open_own(writer.get());
  CHECK((::fcntl(own.get(), F_GETFL) & O_NONBLOCK) != 0);
  reader.reset();
  const std::string text = "x";
  CHECK_THROWS_AS(write_all(writer.get(), std::as_bytes(std::span(text)), "it"), BrokenPipe);
  CHECK_THROWS_AS(write_all(own.get(), std::as_bytes(std::span(text)), "it"), BrokenPipe);
}

TEST_CASE("opening a FIFO to write waits for its reader, or for what ends the wait") {
  const Folder folder;
  const std::string path = folder.fifo("f");
  CHECK_FALSE(open_until(path, O_WRONLY, 0, at_once));
  const WakeUp wake_up;
  wake_up.wake();
  CHECK_FALSE(open_until(path, O_WRONLY, 0, {wake_up.descriptor()}));
  UniqueFd reader;
  std::thread other([&] { reader = UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)); });
  const auto writer = open_until(path, O_WRONLY, 0, {});
  other.join();
  REQUIRE(writer);
  CHECK((::fcntl(writer->get(), F_GETFL) & O_NONBLOCK) != 0);
  CHECK(::write(writer->get(), "x", 1) == 1);
  CHECK(text_in(reader.get()) == "x");
  CHECK_THROWS_AS(open_until(path + "/none", O_RDONLY, 0, {}), Error);
}

TEST_CASE("a FIFO that is read waits for its writer, and ends with it") {
  const Folder folder;
  const std::string path = folder.fifo("f");
  const auto reader = open_until(path, O_RDONLY, 0, at_once);
  REQUIRE(reader);
  CHECK_FALSE(wait_for(reader->get(), POLLIN, at_once));
  const std::string text = "text";
  auto writer = open_until(path, O_WRONLY, 0, at_once);
  REQUIRE(writer);
  CHECK_FALSE(wait_for(reader->get(), POLLIN, at_once));
  write_all(writer->get(), std::as_bytes(std::span(text)), "it");
  CHECK(wait_for(reader->get(), POLLIN, at_once));
  writer->reset();
  std::array<std::byte, 8> bytes{};
  CHECK(read_some(reader->get(), bytes, "it") == 4);
  CHECK(read_some(reader->get(), bytes, "it") == 0);
}

TEST_CASE("a line that went out in part has the next begin anew") {
  const Folder folder;
  const std::string path = folder.fifo("f");
  const UniqueFd reader(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  LineFile file(path, {});
  const std::string long_line = std::string(1 << 20, 'x') + "\n";
  CHECK_FALSE(file.write_until(long_line, at_once));
  CHECK_FALSE(file.write_until("lost\n", at_once));
  const std::string part = text_in(reader.get());
  CHECK(part == std::string(part.size(), 'x'));
  CHECK(file.write_until("next\n", at_once));
  CHECK(file.write_until("last\n", at_once));
  CHECK(text_in(reader.get()) == "\nnext\nlast\n");
}
