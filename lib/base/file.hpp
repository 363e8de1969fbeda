// Files, descriptors and pipes.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

struct stat;  // <sys/stat.h>

namespace nn {

// Owns a descriptor; -1 is none.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd() { reset(); }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release();
  void reset();

 private:
  int fd_ = -1;
};

// Both ends of a pair of connected sockets, and of a pipe (reading, writing); closed on exec.
std::pair<UniqueFd, UniqueFd> socket_pair();
std::pair<UniqueFd, UniqueFd> make_pipe();

// Warns where everybody on this machine can read the regular file: `what` is "token", "key".
void warn_if_public(const std::string& path, std::string_view what);

// Opens for reading; "-" is a duplicate of stdin. Errors name the path. A FIFO is open at once: the first
// read waits for its writer.
UniqueFd open_input(const std::string& path);

// open(2) with O_CLOEXEC. A FIFO is waited for until a stop is requested, which throws Interrupted, and
// doesn't block any more when it is open. Io errors name the path.
UniqueFd open_or_stop(const std::string& path, int flags, int mode = 0);

// Waits for something to read, and reads once; 0 at the end. `name` is for the error message.
// Throws Interrupted when a stop is requested (base/signals.hpp), in whatever thread.
std::size_t read_some(int fd, std::span<std::byte> out, std::string_view name);

// Writes everything or throws. A broken pipe throws BrokenPipe, which run_tool()
// turns into a silent death by SIGPIPE. `pieces` is consumed. Where a stop is requested, it waits
// for room until stop_deadline(), so that a reader who reads on gets what was begun, and then throws
// Interrupted.
void write_all(int fd, std::span<const std::byte> bytes, std::string_view name);
void write_all(int fd, std::span<struct iovec> pieces, std::string_view name);

struct BrokenPipe {};  // the reader of our output is gone

// The text of a file, a pipe or "-", read whole. Data error where it is longer than `limit` bytes.
std::string read_text(const std::string& path, std::size_t limit);

// A private, read-only mapping of a whole regular file. Unmapped with the last owner.
class MappedFile {
 public:
  // Throws when the file cannot be opened or is not a regular file.
  static std::shared_ptr<const MappedFile> open(const std::string& path);
  // The same for an open descriptor; nullptr when it is not a regular file
  // read from its start.
  static std::shared_ptr<const MappedFile> map(int fd, const std::string& name);
  ~MappedFile();
  std::span<const std::byte> bytes() const { return {data_, size_}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }
  const std::string& name() const { return name_; }

 private:
  MappedFile() = default;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::string name_;
};

// A stamp tells a file from one that took its place.
struct FileStamp {
  std::uint64_t device = 0, inode = 0, size = 0;
  std::int64_t modified_ns = 0;
  bool operator==(const FileStamp&) const = default;
};
FileStamp stamp_of(const struct stat& status);
// Of what has that name, which may be a link; nothing where nobody has it.
std::optional<FileStamp> stamp_of(const std::string& path);

// Removes a file that this process has made, and only that: nothing where its name is another file's by now.
void remove_own(const std::string& path, const FileStamp& stamp);

// The same at the end of a scope.
class OwnFile {
 public:
  OwnFile() = default;
  OwnFile(std::string path, FileStamp stamp) : path_(std::move(path)), stamp_(stamp) {}
  OwnFile(OwnFile&& other) noexcept
      : path_(std::move(other.path_)), stamp_(std::exchange(other.stamp_, std::nullopt)) {}
  ~OwnFile() {
    if (stamp_) remove_own(path_, *stamp_);
  }
  explicit operator bool() const { return stamp_.has_value(); }

 private:
  std::string path_;
  std::optional<FileStamp> stamp_;
};

// Devices, FIFOs and other names of open descriptors (/dev/stdout, /dev/fd/3) are written in place: they are
// never replaced, and nobody's to remove.
bool is_written_in_place(const std::string& path);

// A file that appears complete or not at all: written without a name, or where the file system has no such
// files to a temporary one in the same folder, whose name begins with a dot; then fsync and rename in
// commit(). Without commit() nothing is left.
// "-" is stdout; commit() only closes what is_written_in_place().
class OutputFile {
 public:
  explicit OutputFile(std::string path);
  OutputFile(OutputFile&&) = default;
  ~OutputFile();
  int fd() const { return fd_.get(); }
  const std::string& name() const { return path_; }
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  // The stamp of the file, where it is a new one.
  std::optional<FileStamp> commit();

 private:
  std::string path_;
  bool replaces_ = false;  // or it is written in place
  std::string temporary_;  // the name that it has, if any
  UniqueFd fd_;
};

// Writes `text` to `path` atomically. The stamp of the file, where it is a new one.
std::optional<FileStamp> write_file(const std::string& path, std::string_view text);

// Keeps the descriptors 0-2 taken where they are closed, so that no file of ours lands on
// them; reading the missing stdin or writing the missing stdout fails with EBADF. First
// thing in main.
void fill_standard_descriptors();

}  // namespace nn
