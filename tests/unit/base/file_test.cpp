#include "base/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include "catch.hpp"

namespace fs = std::filesystem;

namespace {

// A folder that is gone with the test.
class Folder {
 public:
  Folder() : path_((fs::temp_directory_path() / "nn-file-XXXXXX").string()) {
    REQUIRE(::mkdtemp(path_.data()) != nullptr);
  }
  ~Folder() { fs::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  auto files() const { return std::distance(fs::directory_iterator(path_), fs::directory_iterator()); }
  bool has_nameless_files() const {
    return static_cast<bool>(nn::UniqueFd(::open(path_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)));
  }

 private:
  std::string path_;
};

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("an output file appears when it is complete") {
  const Folder folder;
  const std::string path = folder.file("out");
  const bool old = GENERATE(false, true);
  if (old) nn::write_file(path, "old");
  {
    nn::OutputFile file(path);
    file.write("new");
    CHECK(text_of(path) == (old ? "old" : ""));
    if (folder.has_nameless_files()) CHECK(folder.files() == (old ? 1 : 0));
    file.commit();
  }
  CHECK(text_of(path) == "new");
  CHECK(folder.files() == 1);
}

TEST_CASE("nobody who looks through the folder takes an output file's temporary name for a file") {
  const Folder folder;
  const nn::UniqueFd seen(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  REQUIRE(::inotify_add_watch(seen.get(), folder.file("").c_str(), IN_CREATE | IN_MOVED_TO) >= 0);
  nn::write_file(folder.file("out"), "text");
  std::string names;
  alignas(inotify_event) char events[4096];
  const ssize_t size = ::read(seen.get(), events, sizeof events);
  for (ssize_t at = 0; at < size;) {
    const auto* event = reinterpret_cast<const inotify_event*>(events + at);
    names += (event->mask & IN_CREATE ? " made " : " moved to ") + std::string(event->name).substr(0, 5);
    at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
  }
  CHECK(names == " made .out. moved to out");
}

TEST_CASE("an output file that isn't completed leaves what was there") {
  const Folder folder;
  const std::string path = folder.file("out");
  nn::write_file(path, "old");
  nn::OutputFile(path).write("new");
  CHECK(text_of(path) == "old");
  CHECK(folder.files() == 1);
}

TEST_CASE("several output files of one name don't disturb each other") {
  const Folder folder;
  const std::string path = folder.file("out");
  nn::OutputFile first(path), second(path);
  first.write("first");
  second.write("second");
  nn::OutputFile moved(std::move(first));
  second.commit();
  moved.commit();
  CHECK(text_of(path) == "first");
  CHECK(folder.files() == 1);
}

TEST_CASE("an output file has the permissions that the umask leaves") {
  const Folder folder;
  const std::string path = folder.file("out");
  const ::mode_t before = ::umask(027);
  nn::write_file(path, "text");
  ::umask(before);
  struct ::stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0640);
}

TEST_CASE("the stamp of an output file is that of what has its name, and removes nothing else") {
  const Folder folder;
  const std::string path = folder.file("out");
  const auto made = nn::write_file(path, "first");
  REQUIRE(made);
  CHECK(made == nn::stamp_of(path));
  const auto again = nn::write_file(path, "again");
  CHECK(again != made);
  nn::remove_own(path, *made);
  CHECK(text_of(path) == "again");
  nn::remove_own(path, *again);
  CHECK_FALSE(nn::stamp_of(path));
  nn::remove_own(path, *again);
}

TEST_CASE("names of descriptors are written through them, behind what is there") {
  const Folder folder;
  const std::string path = folder.file("out");
  for (const char* name : {"/dev/fd/{}", "/proc/self/fd/{}"}) {
    const nn::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    REQUIRE(::write(fd.get(), "before ", 7) == 7);
    CHECK_FALSE(nn::write_file(fmt::format(fmt::runtime(name), fd.get()), "file"));
    REQUIRE(::write(fd.get(), " after", 6) == 6);
    CHECK(text_of(path) == "before file after");
    CHECK(folder.files() == 1);
  }
  CHECK(nn::is_written_in_place("/dev/stdout"));
  CHECK_FALSE(nn::is_written_in_place(folder.file("/dev/stdout")));
}

TEST_CASE("a FIFO that came where a file was to be is not replaced") {
  const Folder folder;
  nn::OutputFile file(folder.file("out"));
  file.write("text");
  REQUIRE(::mkfifo(folder.file("out").c_str(), 0600) == 0);
  CHECK_THROWS_WITH(file.commit(), Catch::Contains("out: there is something else than a file by now"));
  CHECK(fs::is_fifo(folder.file("out")));
}

TEST_CASE("texts are read whole, up to a limit") {
  const Folder folder;
  const std::string path = folder.file("text"), text(10'000, 'x');
  nn::write_file(path, text);
  CHECK(nn::read_text(path, 10'000) == text);
  CHECK_THROWS_WITH(nn::read_text(path, 9'999), Catch::Contains("text: over the limit of 9999 bytes"));
  nn::write_file(path, "");
  CHECK(nn::read_text(path, 0).empty());
  CHECK_THROWS_WITH(nn::read_text("/dev/zero", 1 << 20), Catch::Contains("over the limit of 1048576 bytes"));
  REQUIRE(::mkfifo(folder.file("fifo").c_str(), 0600) == 0);
  std::thread writer([&] { std::ofstream(folder.file("fifo")) << text; });
  CHECK(nn::read_text(folder.file("fifo"), 20'000) == text);
  writer.join();
}
