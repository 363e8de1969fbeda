#include "base/overwrite.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"

namespace nn {
namespace {

using Identity = std::pair<dev_t, ino_t>;

// Of a regular file that is there; a standard one where it is redirected to a file.
std::optional<Identity> identity_of(const std::string& path, int standard) {
  struct stat status {};
  const int result = path == "-" ? ::fstat(standard, &status) : ::stat(path.c_str(), &status);
  if (result != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return Identity{status.st_dev, status.st_ino};
}

// The path of a file that isn't there yet, with its folder as the system knows it; empty where even that
// isn't there.
std::string place_of(const std::string& path) {
  const std::filesystem::path given(path);
  std::error_code code;
  const auto folder = std::filesystem::canonical(given.has_parent_path() ? given.parent_path() : ".", code);
  return code ? std::string() : (folder / given.filename()).string();
}

std::string name_of(const std::string& path, const char* standard) { return path == "-" ? standard : path; }

[[noreturn]] void refuse(const std::string& written, const std::string& other, const char* how) {
  const std::string same = written == other ? "" : fmt::format(", which is the same file as {},", other);
  throw make_error(ErrorKind::usage, "{}{} would be {}", written, same, how).advise("; name another file");
}

}  // namespace

void refuse_overwriting(const FilesOfRun& files) {
  std::map<Identity, std::string> read;
  for (const std::string& path : files.read) {
    if (path.empty()) continue;
    if (const auto identity = identity_of(path, STDIN_FILENO))
      read.emplace(*identity, name_of(path, "standard input"));
  }
  std::map<Identity, std::string> there;
  std::map<std::string, std::string> to_come;
  for (const std::string& path : files.written) {
    if (path.empty()) continue;
    const std::string name = name_of(path, "standard output");
    const auto identity = identity_of(path, STDOUT_FILENO);
    if (identity) {
      if (const auto found = read.find(*identity); found != read.end())
        refuse(name, found->second, "overwritten while it is read");
    }
    if (path == "-" || is_written_in_place(path)) continue;
    const auto note = [&](auto& names, const auto& key) {
      const auto [first, is_new] = names.emplace(key, name);
      if (!is_new) refuse(name, first->second, "written twice");
    };
    if (identity) {
      note(there, *identity);
    } else if (const std::string place = place_of(path); !place.empty()) {
      note(to_come, place);
    }
  }
}

}  // namespace nn
