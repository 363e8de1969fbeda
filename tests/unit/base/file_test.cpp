#include "base/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

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
