// What a service leaves and sends for others to see.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.hpp"
#include "base/file.hpp"
#include "catch.hpp"
#include "process/notify.hpp"
#include "process/pid_file.hpp"

using namespace nn;
using namespace nn::process;

namespace {

// A new folder, removed with all that is in it.
class Scratch {
 public:
  Scratch() {
    if (::mkdtemp(folder_.data()) == nullptr) fail_errno(folder_);
  }
  Scratch(const Scratch&) = delete;
  ~Scratch() { std::filesystem::remove_all(folder_); }
  std::string operator/(const std::string& name) const { return folder_ + "/" + name; }

 private:
  std::string folder_ = (std::filesystem::temp_directory_path() / "nn-process-XXXXXX").string();
};

// What arrives of `state` at a socket of that name; '@' stands for the byte 0.
std::string notified(const std::string& name, std::string_view state) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.data(), name.size());
  if (name[0] == '@') address.sun_path[0] = '\0';
  const UniqueFd manager(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (::bind(manager.get(), reinterpret_cast<const sockaddr*>(&address),
             static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size())) != 0) {
    fail_errno(name);
  }
  ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  notify_manager(state);
  ::unsetenv("NOTIFY_SOCKET");
  std::array<char, 64> bytes{};
  const ssize_t n = ::recv(manager.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  return n < 0 ? "nothing" : std::string(bytes.data(), static_cast<std::size_t>(n));
}

}  // namespace

TEST_CASE("files of a service are there as long as it is") {
  const Scratch scratch;
  {
    PidFiles files;
    files.put(scratch / "pid", 4711);
    files.put(scratch / "port", 80);
    CHECK(MappedFile::open(scratch / "pid")->text() == "4711\n");
    CHECK(MappedFile::open(scratch / "port")->text() == "80\n");
    CHECK_THROWS_AS(files.put(scratch / "gone/pid", 1), Error);
  }
  CHECK_FALSE(std::filesystem::exists(scratch / "pid"));
  CHECK_FALSE(std::filesystem::exists(scratch / "port"));
}

TEST_CASE("files of another service, FIFOs and devices are left alone") {
  const Scratch scratch;
  REQUIRE(::mkfifo((scratch / "fifo").c_str(), 0600) == 0);
  const UniqueFd reader(::open((scratch / "fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  {
    PidFiles files;
    files.put(scratch / "pid", 1);
    files.put(scratch / "written", 1);
    files.put(scratch / "fifo", 4711);
    PidFiles others;
    others.put(scratch / "port", 1);
    write_file(scratch / "pid", "2\n");
    std::ofstream(scratch / "written", std::ios::app) << "and more";
  }
  CHECK(MappedFile::open(scratch / "pid")->text() == "2\n");
  CHECK(std::filesystem::exists(scratch / "written"));
  CHECK_FALSE(std::filesystem::exists(scratch / "port"));
  CHECK(std::filesystem::is_fifo(scratch / "fifo"));
  std::array<char, 16> bytes{};
  CHECK(::read(reader.get(), bytes.data(), bytes.size()) == 5);
}

TEST_CASE("a manager is told by the socket that it names") {
  const Scratch scratch;
  CHECK(notified(scratch / "manager", "READY=1") == "READY=1");
  CHECK(notified("@nn-process-" + std::to_string(::getpid()), "STOPPING=1") == "STOPPING=1");
  notify_manager("READY=1");  // nobody asked
  for (const std::string& name : {std::string("relative"), "/" + std::string(200, 'x'), scratch / "gone"}) {
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
    CHECK_NOTHROW(notify_manager("READY=1"));
  }
  ::unsetenv("NOTIFY_SOCKET");
}
