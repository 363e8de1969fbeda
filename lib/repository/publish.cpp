#include "repository/publish.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/memory.hpp"
#include "model/model.hpp"
#include "repository/misfit.hpp"
#include "repository/model_name.hpp"
#include "repository/small_file.hpp"

namespace nn::repository {
namespace {

constexpr int tries = 10'000;                                        // against other publishers
constexpr std::uint64_t most_automatic = 1'000'000'000'000'000'000;  // there is one more for sure

// Below `limit`; 0 where there is none.
std::uint64_t highest_version(const std::string& base, std::uint64_t limit) {
  std::uint64_t highest = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(base, error)) {
    const auto version = parse_version_number(entry.path().filename().string());
    if (version && *version < limit) highest = std::max(highest, *version);
  }
  if (error) throw Error(ErrorKind::io, error.message()).within_file(base);
  return highest;
}

// A folder beside the versions, under a name that is none; gone with its file unless kept.
class Draft {
 public:
  explicit Draft(const std::string& base) : path_(base + "/.publish-XXXXXX") {
    if (::mkdtemp(path_.data()) == nullptr) fail_errno(base);
    ::chmod(path_.c_str(), 0777 & ~current_umask());
  }
  ~Draft() {
    std::error_code ignored;
    if (!kept_) std::filesystem::remove_all(path_, ignored);
  }
  // False where there is something of that name.
  bool rename_to(const std::string& version) {
    if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, version.c_str(), RENAME_NOREPLACE) == 0)
      return kept_ = true;
    if (errno == EEXIST) return false;
    // File systems that can't promise it: a version has a file in it, and is never replaced.
    if (errno == EINVAL && ::rename(path_.c_str(), version.c_str()) == 0) return kept_ = true;
    if (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR) return false;
    fail_errno(version);
  }
  const std::string& path() const { return path_; }

 private:
  static mode_t current_umask() {
    const mode_t mask = ::umask(0);
    ::umask(mask);
    return mask;
  }
  std::string path_;
  bool kept_ = false;
};

// Versions of one repository take each other's place.
void compare_with_before(const std::string& base, std::uint64_t version) {
  std::uint64_t before = 0;
  try {
    before = highest_version(base, version);
  } catch (const Error&) {
    return;  // it is published
  }
  const std::string why = before == 0 ? "" : misfit(base, before, version);
  if (!why.empty()) {
    warn("{}/{} does not fit version {}: {}; clients of the one will fail with the other", base, version,
         before, why);
  }
}

// Each byte is checked on its way into the copy, which has no name before they are all there and right.
void copy_checked(const std::string& from, OutputFile& to) {
  const std::string name = from == "-" ? "standard input" : from;
  const UniqueFd fd = open_input(from);
  Buffer piece(std::size_t{256} << 10);
  model::ModelCheck check;
  for (;;) {
    const auto bytes = std::as_const(piece).bytes().first(read_some(fd.get(), piece.bytes(), name));
    try {
      if (bytes.empty()) {
        check.finish();
        return;
      }
      check.add(bytes);
    } catch (const Error& error) {
      throw error.within_file(name);
    }
    to.write(bytes);
  }
}

// The repository's folder, made if it isn't there, and gone again if nothing was published.
class Base {
 public:
  explicit Base(const std::string& path) : path_(path), made_(::mkdir(path.c_str(), 0777) == 0) {
    if (!made_ && errno != EEXIST) fail_errno(path);
  }
  Base(const Base&) = delete;
  ~Base() {
    if (made_) ::rmdir(path_.c_str());  // fails where there is something in it
  }

 private:
  const std::string& path_;
  bool made_;
};

}  // namespace

std::uint64_t publish_model(const std::string& model, const std::string& base,
                            std::optional<std::uint64_t> version) {
  const Base made(base);
  Draft draft(base);
  OutputFile copy(draft.path() + "/model.nn");
  copy_checked(model, copy);
  copy.commit();
  sync_folder(draft.path());
  std::uint64_t number = version.value_or(0);
  for (int i = 0; i < tries; ++i) {
    if (!version) number = std::max(highest_version(base, most_automatic), number) + 1;
    if (draft.rename_to(fmt::format("{}/{}", base, number))) {
      sync_folder(base);
      compare_with_before(base, number);
      return number;
    }
    if (version) fail_data("{}/{}: this version is there already", base, number);
  }
  throw make_error(ErrorKind::unavailable, "others publish all the time").within_file(base);
}

}  // namespace nn::repository
