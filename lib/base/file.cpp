#include "base/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <utility>

#include "base/descriptor_path.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/signals.hpp"
#include "base/wait.hpp"

namespace nn {

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

int UniqueFd::release() { return std::exchange(fd_, -1); }

void UniqueFd::reset() {
  if (fd_ >= 0) ::close(release());
}

std::pair<UniqueFd, UniqueFd> socket_pair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) fail_errno("socketpair");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

std::pair<UniqueFd, UniqueFd> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) fail_errno("pipe");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

void warn_if_public(const std::string& path, std::string_view what) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & S_IROTH) != 0) {
    warn("{}: everybody on this machine can read the {} (chmod 600 {})", path, what, path);
  }
}

UniqueFd open_or_stop(const std::string& path, int flags, int mode) {
  throw_if_stopped();
  auto fd = open_until(path, flags, mode, {stop_descriptor()});
  if (!fd) throw Interrupted{};
  return std::move(*fd);
}

UniqueFd open_input(const std::string& path) {
  if (path == "-") {
    UniqueFd fd(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
    if (!fd) fail_errno("standard input");
    return fd;
  }
  UniqueFd fd = open_or_stop(path, O_RDONLY);
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) fail_errno(path);
  if (S_ISDIR(status.st_mode)) throw make_error(ErrorKind::io, "is a directory").within_file(path);
  return fd;
}

std::size_t read_some(int fd, std::span<std::byte> out, std::string_view name) {
  for (;;) {
    throw_if_stopped();
    if (!wait_for(fd, POLLIN, {stop_descriptor()})) continue;
    const ssize_t n = ::read(fd, out.data(), out.size());
    if (n >= 0) return static_cast<std::size_t>(n);
    if (errno != EINTR && errno != EAGAIN) fail_errno(name);
  }
}

void write_all(int fd, std::span<const std::byte> bytes, std::string_view name) {
  struct iovec piece {
    const_cast<std::byte*>(bytes.data()), bytes.size()
  };
  write_all(fd, std::span(&piece, 1), name);
}

void write_all(int fd, std::span<struct iovec> pieces, std::string_view name) {
  if (stop_requested() == 0 && write_until(fd, pieces, name, {stop_descriptor()})) return;
  if (!write_until(fd, pieces, name, {-1, stop_deadline()})) throw Interrupted{};
}

std::string read_text(const std::string& path, std::size_t limit) {
  const std::string name = path == "-" ? "standard input" : path;
  const UniqueFd fd = open_input(path);
  std::string text;
  for (std::size_t size = 0;;) {
    text.resize(std::min(limit, std::max<std::size_t>(2 * size, 4096)) + 1);
    const auto room = std::as_writable_bytes(std::span(text)).subspan(size);
    const std::size_t n = read_some(fd.get(), room, name);
    size += n;
    if (size > limit) throw data_error("over the limit of {} bytes", limit).within_file(name);
    if (n > 0) continue;
    text.resize(size);
    return text;
  }
}

std::shared_ptr<const MappedFile> MappedFile::open(const std::string& path) {
  const UniqueFd fd = open_input(path);
  auto mapped = map(fd.get(), path);
  if (!mapped) throw make_error(ErrorKind::io, "not a regular file").within_file(path);
  return mapped;
}

std::shared_ptr<const MappedFile> MappedFile::map(int fd, const std::string& name) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) fail_errno(name);
  // A file that was read before is a stream from there on: `{ read line; nn-read; } < file`.
  if (!S_ISREG(status.st_mode) || ::lseek(fd, 0, SEEK_CUR) != 0) return nullptr;
  std::shared_ptr<MappedFile> file(new MappedFile);
  file->name_ = name;
  file->size_ = static_cast<std::size_t>(status.st_size);
  if (file->size_ > 0) {
    void* address = ::mmap(nullptr, file->size_, PROT_READ, MAP_PRIVATE, fd, 0);
    if (address == MAP_FAILED) fail_errno(name);
    file->data_ = static_cast<const std::byte*>(address);
  }
  return file;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

namespace {

// Opening a FIFO waits for its reader: a signal ends that wait.
UniqueFd open_in_place(const std::string& path) {
  const auto named = descriptor_named(path);
  if (!named) return open_or_stop(path, O_WRONLY);
  UniqueFd fd(::fcntl(*named, F_DUPFD_CLOEXEC, 3));
  if (!fd) fail_errno(path);
  return fd;
}

std::string directory_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

// The rename is durable once the directory is.
void sync_directory_of(const std::string& path) {
  const UniqueFd fd(::open(directory_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) ::fsync(fd.get());
}

// A file that has no name yet, so that not even SIGKILL leaves any of it; none where the file
// system doesn't know such files, or there is no /proc to name it by.
UniqueFd nameless_file_beside(const std::string& path) {
  if (::access("/proc/self/fd", X_OK) != 0) return {};
  return UniqueFd(::open(directory_of(path).c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0666));
}

// A name beside `path` that begins with a dot: whoever looks through the folder passes over it, as over other
// hidden files.
std::string hidden_name(const std::string& path, std::string_view ending) {
  const std::size_t name = path.rfind('/') + 1;  // 0 where there is no folder
  return fmt::format("{}.{}.{}", path.substr(0, name), path.substr(name), ending);
}

// A name cannot take the place of another: the file gets one beside `path`, for rename().
std::string name_file(int fd, const std::string& path) {
  const std::string file = fmt::format("/proc/self/fd/{}", fd);
  for (int i = 0;; ++i) {
    std::string name = hidden_name(path, fmt::format("{}-{}", ::getpid(), i));
    if (::linkat(AT_FDCWD, file.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0) return name;
    if (errno != EEXIST) fail_errno(path);
  }
}

}  // namespace

FileStamp stamp_of(const struct stat& status) {
  return {status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
          status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec};
}

std::optional<FileStamp> stamp_of(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return std::nullopt;
  return stamp_of(status);
}

void remove_own(const std::string& path, const FileStamp& stamp) {
  if (stamp_of(path) == stamp) ::unlink(path.c_str());
}

bool is_written_in_place(const std::string& path) {
  struct stat status {};
  return descriptor_named(path) || (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode));
}

OutputFile::OutputFile(std::string path) : path_(std::move(path)) {
  if (path_ == "-") {
    path_ = "standard output";
    fd_ = open_own(STDOUT_FILENO);
    if (!fd_) fail_errno(path_);
    return;
  }
  if (is_written_in_place(path_)) {
    fd_ = open_in_place(path_);
    return;
  }
  replaces_ = true;
  if ((fd_ = nameless_file_beside(path_))) return;
  temporary_ = hidden_name(path_, "XXXXXX");
  fd_ = UniqueFd(::mkostemp(temporary_.data(), O_CLOEXEC));
  if (!fd_) {
    temporary_.clear();
    fail_errno(path_);
  }
  const mode_t mask = ::umask(0);
  ::umask(mask);
  ::fchmod(fd_.get(), 0666 & ~mask);
}

OutputFile::~OutputFile() {
  if (fd_ && !temporary_.empty()) ::unlink(temporary_.c_str());
}

void OutputFile::write(std::span<const std::byte> bytes) { write_all(fd_.get(), bytes, path_); }

void OutputFile::write(std::string_view text) { write(std::as_bytes(std::span(text.data(), text.size()))); }

std::optional<FileStamp> OutputFile::commit() {
  std::optional<FileStamp> made;
  if (replaces_) {
    if (is_written_in_place(path_)) {
      throw make_error(ErrorKind::io, "there is something else than a file by now").within_file(path_);
    }
    if (::fsync(fd_.get()) != 0) fail_errno(path_);
    if (temporary_.empty()) temporary_ = name_file(fd_.get(), path_);
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_errno(path_);
    temporary_.clear();
    struct stat status {};
    if (::fstat(fd_.get(), &status) == 0) made = stamp_of(status);
    sync_directory_of(path_);
  }
  // close() reports what a full disk or a remote file system kept back until now.
  if (::close(fd_.release()) != 0 && errno != EINTR) fail_errno(path_);
  return made;
}

std::optional<FileStamp> write_file(const std::string& path, std::string_view text) {
  OutputFile file(path);
  file.write(text);
  return file.commit();
}

void fill_standard_descriptors() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) == -1 && errno == EBADF) {
      // The wrong way round for stdin and stdout: using them fails as on a closed one.
      const int mode = fd == 0 ? O_WRONLY : fd == 1 ? O_RDONLY : O_RDWR;
      if (::open("/dev/null", mode) != fd) std::_Exit(1);
    }
  }
}

}  // namespace nn
