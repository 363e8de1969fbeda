#include "repository/small_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/error.hpp"
#include "base/file.hpp"

namespace nn::repository {
namespace {

// A file under a name that stands for nothing; gone at the end of the scope unless it was renamed.
class Draft {
 public:
  explicit Draft(const std::string& folder) {
    for (int i = 0; !fd_; ++i) {
      path_ = fmt::format("{}/.draft-{}-{}", folder, ::getpid(), i);
      fd_ = UniqueFd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
      if (!fd_ && errno != EEXIST) fail_errno(folder);
    }
  }
  Draft(const Draft&) = delete;
  ~Draft() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  int fd() const { return fd_.get(); }
  void rename_to(const std::string& path) {
    if (::rename(path_.c_str(), path.c_str()) != 0) fail_errno(path);
    path_.clear();
  }

 private:
  std::string path_;
  UniqueFd fd_;
};

}  // namespace

std::optional<std::string> read_small_file(const std::string& path, std::size_t limit) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd && errno == ENOENT) return std::nullopt;
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) fail_errno(path);
  if (!S_ISREG(status.st_mode)) throw make_error(ErrorKind::io, "not a regular file").within_file(path);
  std::string text(limit + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail_errno(path);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > limit) throw data_error("it is longer than {} bytes", limit).within_file(path);
  text.resize(size);
  return text;
}

void replace_small_file(const std::string& folder, const std::string& name, std::string_view text) {
  Draft draft(folder);
  const std::string path = folder + "/" + name;
  write_all(draft.fd(), std::as_bytes(std::span(text)), path);
  if (::fsync(draft.fd()) != 0) fail_errno(path);
  draft.rename_to(path);
  sync_folder(folder);
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
