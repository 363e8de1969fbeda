// Sources and sinks of bytes: files, pipes, decompressors.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file.hpp"

namespace nn::format {

// One thread at a time. Errors name the input.
class ByteInput {
 public:
  explicit ByteInput(std::string name) : name_(std::move(name)) {}
  virtual ~ByteInput() = default;
  // Reads 1 to out.size() bytes, waiting for the first; 0 only at the end.
  virtual std::size_t read(std::span<std::byte> out) = 0;
  // The whole input, where it is a regular file that needs no decompression: readers
  // then use it in place and don't call read(), which gives the same bytes. Null otherwise.
  virtual std::shared_ptr<const MappedFile> mapped() const { return nullptr; }
  const std::string& name() const { return name_; }

 private:
  std::string name_;
};

// A file, FIFO or "-" (stdin). gzip and zstd are recognised by their magic number and
// read transparently, several members/frames in a row included; a cut-off or corrupt
// one is a data error, never an early end.
std::unique_ptr<ByteInput> open_bytes(const std::string& path);

// Bytes in memory; the caller keeps them alive. For tests and fuzzers.
std::unique_ptr<ByteInput> bytes_in_memory(std::span<const std::byte> bytes, std::string name);

// Puts back `head` in front of the rest: for detection of formats on pipes.
std::unique_ptr<ByteInput> with_head(std::vector<std::byte> head, std::unique_ptr<ByteInput> rest);

// The same input with all of it mapped: one that is mapped already as it is, the rest of another by a copy in
// a file without a name in the folder for temporary files ($TMPDIR, or /tmp). For formats that begin at their
// end. Io error where that folder has no room.
std::unique_ptr<ByteInput> spooled(std::unique_ptr<ByteInput> input);

// Fills `out` as far as the input goes; returns how much that was.
std::size_t read_full(ByteInput& input, std::span<std::byte> out);

class ByteOutput {
 public:
  virtual ~ByteOutput() = default;
  // Writes all pieces, in order, or throws. `pieces` is consumed.
  virtual void write(std::span<struct iovec> pieces) = 0;
};

// Writes through to `file` (borrowed); commit() stays with the caller.
std::unique_ptr<ByteOutput> to_file(const OutputFile& file);

}  // namespace nn::format
