#include "repository/small_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"
#include "base/file.hpp"

namespace nn::repository {
std::optional<std::string> read_small_file(const std::string& path, std::size_t limit) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd && errno == ENOENT) return std::nullopt;
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) fail_errno(path);
  if (!S_ISREG(status.st_mode)) throw make_error(ErrorKind::io, "not a regular file").within_file(path);
  // Memory is for what is there: limits are for what nobody has. The byte more shows where it ends.
  std::string text(std::min(static_cast<std::size_t>(status.st_size), limit) + 1, '\0');
  std::size_t size = 0;
  for (;;) {
    if (size > limit) throw data_error("it is longer than {} bytes", limit).within_file(path);
    if (size == text.size()) text.resize(size < limit / 2 ? 2 * size : limit + 1);
    const ssize_t got = ::read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_errno(path);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  text.resize(size);
  return text;
}

void replace_small_file(const std::string& folder, const std::string& name, std::string_view text) {
  const std::string path = folder + "/" + name;
  if (is_written_in_place(path)) throw make_error(ErrorKind::io, "not a regular file").within_file(path);
  write_file(path, text);
}

bool remove_small_file(const std::string& folder, const std::string& name) {
  const std::string path = folder + "/" + name;
  if (!stamp_of(path)) return false;  // also where nothing could be removed
  if (::unlink(path.c_str()) != 0) {
    if (errno == ENOENT) return false;
    fail_errno(path);
  }
  sync_folder(folder);
  return true;
}

void sync_folder(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) fail_errno(path);
}

}  // namespace nn::repository
