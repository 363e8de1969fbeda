#include "study/journal_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "base/file.hpp"

namespace nn::study {
namespace {

constexpr off_t lock_at = off_t{1} << 62;

// Those of one machine only, by statfs(2): of others one doesn't know.
bool is_local(int fd) {
  constexpr long ext = 0xEF53, xfs = 0x58465342, btrfs = 0x9123683E, tmpfs = 0x01021994, overlay = 0x794c7630,
                 zfs = 0x2FC12FC1, f2fs = 0xF2F52010, ramfs = 0x858458F6, bcachefs = 0xCA451A4E;
  struct statfs system {};
  if (fstatfs(fd, &system) != 0) return false;
  const auto type = static_cast<long>(system.f_type);
  constexpr long local[] = {ext, xfs, btrfs, tmpfs, overlay, zfs, f2fs, ramfs, bcachefs};
  return std::find(std::begin(local), std::end(local), type) != std::end(local);
}

[[noreturn]] void fail_file(const std::string& what) {
  const int error = errno;
  if (!FileLost::is(error)) fail_errno(what, error);
  throw FileLost(Error(ErrorKind::io, std::generic_category().message(error)).within_file(what));
}

std::string identity_of(const struct stat& status) {
  return fmt::format("{}:{}", status.st_dev, status.st_ino);
}

class PosixFile : public JournalFile {
 public:
  PosixFile(std::string path, UniqueFd fd, const struct stat& status)
      : path_(std::move(path)), fd_(std::move(fd)), identity_(identity_of(status)) {
    sure_locks_ = is_local(fd_.get());
  }

  std::uint64_t size() override {
    struct stat status {};
    if (fstat(fd_.get(), &status) != 0) fail_file(path_);
    return static_cast<std::uint64_t>(status.st_size);
  }

  std::size_t read(std::span<char> out, std::uint64_t at) override {
    for (;;) {
      const ssize_t got = pread(fd_.get(), out.data(), out.size(), static_cast<off_t>(at));
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR) fail_file(path_);
    }
  }

  long write(std::span<const char> bytes, std::uint64_t at) override {
    return pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
  }
  int truncate(std::uint64_t size) override { return ftruncate(fd_.get(), static_cast<off_t>(size)); }
  int sync() override { return fdatasync(fd_.get()); }

  bool try_lock() override {
    struct flock lock = lock_of(F_WRLCK);
    for (;;) {
      if (fcntl(fd_.get(), F_OFD_SETLK, &lock) == 0) return true;
      if (errno == EAGAIN || errno == EACCES) return false;
      if (errno != EINTR) fail_file(path_ + ": can't be locked");
    }
  }
  void unlock() override {
    struct flock lock = lock_of(F_UNLCK);
    fcntl(fd_.get(), F_OFD_SETLK, &lock);
  }

  bool is_current() override {
    struct stat now {};
    if (stat(path_.c_str(), &now) != 0) return errno != ENOENT;
    return identity_of(now) == identity_;
  }
  std::string identity() const override { return identity_; }
  bool has_sure_locks() override { return sure_locks_; }

 private:
  static struct flock lock_of(int type) {
    struct flock lock {};
    lock.l_type = static_cast<short>(type);
    lock.l_whence = SEEK_SET;
    lock.l_start = lock_at;
    lock.l_len = 1;
    return lock;
  }

  std::string path_;
  UniqueFd fd_;
  std::string identity_;
  bool sure_locks_;
};

}  // namespace

bool FileLost::is(int error_number) { return error_number == EIO || error_number == ESTALE; }

std::unique_ptr<JournalFile> JournalFile::open(const std::string& path, bool write, bool create) {
  constexpr int readable = 0644;
  const int flags = (write ? O_RDWR : O_RDONLY) | (create ? O_CREAT : 0) | O_CLOEXEC;
  UniqueFd fd(::open(path.c_str(), flags, readable));
  if (!fd) fail_errno(path);
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) fail_errno(path);
  // Nothing can be read at a place of what has none.
  if (!S_ISREG(status.st_mode)) throw make_error(ErrorKind::io, "it is no regular file").within_file(path);
  return std::make_unique<PosixFile>(path, std::move(fd), status);
}

}  // namespace nn::study
