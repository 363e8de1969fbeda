// The few operations on files that a journal needs, so that tests put faults in their place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/error.hpp"

namespace nn::study {

// Nothing can be done with this open file any more, but perhaps with another one of its path: over NFS all
// fails with EIO once its lock was lost, and with ESTALE where the server has forgotten it.
struct FileLost : Error {
  using Error::Error;
  explicit FileLost(const Error& error) : Error(error) {}
  static bool is(int error_number);
};

// An open file for reading and writing at places, never in append mode: over NFS that isn't atomic. Not
// thread-safe. Io errors name the path, FileLost among them.
class JournalFile {
 public:
  virtual ~JournalFile() = default;
  virtual std::uint64_t size() = 0;
  virtual std::size_t read(std::span<char> out, std::uint64_t at) = 0;  // 0: the end
  // One pwrite(2): what it returns, which may be less than all, or -1 and errno.
  virtual long write(std::span<const char> bytes, std::uint64_t at) = 0;
  virtual int truncate(std::uint64_t size) = 0;  // 0, or -1 and errno
  virtual int sync() = 0;                        // fdatasync(2): 0, or -1 and errno
  // An open file description's lock on a byte far behind the end (2^62), which goes with the process and with
  // nothing else. False where somebody else has it.
  virtual bool try_lock() = 0;
  virtual void unlock() = 0;
  // False where the path is another file's by now, or nobody's.
  virtual bool is_current() = 0;
  // Another file has another one.
  virtual std::string identity() const = 0;
  // Whether locks hold between all who can see the file: it is a local file system's, as far as one knows.
  virtual bool has_sure_locks() = 0;

  // Opens it; with `create` makes an empty one where there is none. A read-only one can't be locked.
  static std::unique_ptr<JournalFile> open(const std::string& path, bool write, bool create);
};

}  // namespace nn::study
