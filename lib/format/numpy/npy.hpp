// NumPy's .npy arrays and .npz archives (numpy.lib.format, versions 1-3; zip stored or
// deflated, zip64 on reading).
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/memory.hpp"
#include "format/bytes.hpp"
#include "tensor/batch.hpp"

namespace nn::format {

class ZipArchive;

// A whole array, little-endian, C order (Fortran order and big-endian are converted).
struct NpyArray {
  DType type = DType::f32;
  Shape shape;  // all dimensions; empty for a 0-dimensional array
  Buffer data;
};

// Data errors name the input, and the member within an archive. The size promised by
// the header is checked against what is there before memory is taken, the checksum of a
// member when it is read. Thread-safe.
class NpzArchive {
 public:
  explicit NpzArchive(const std::string& path);
  const std::vector<std::string>& names() const { return names_; }  // without ".npy", in archive order
  std::uint64_t bytes() const;                                      // of the file
  // Type and shape, without values.
  NpyArray head(const std::string& name) const;
  // `check` sees the array before memory is taken for its values: deflated, they may be a thousand times
  // the file. What it throws goes to the caller.
  NpyArray read(const std::string& name, const std::function<void(const NpyArray&)>& check = {}) const;
  // A member that is not an array ("network.json"), up to 64 MiB.
  std::string read_text(const std::string& name) const;

 private:
  std::shared_ptr<const ZipArchive> archive_;
  std::vector<std::string> names_;
};

// Writes members uncompressed, as numpy.savez does, with fixed time stamps: equal
// contents give equal bytes. Array data lie at multiples of 64 bytes in the file. Names are
// unique; up to 4 GiB in all (no zip64). finish() before file.commit().
class NpzWriter {
 public:
  explicit NpzWriter(OutputFile& file);
  ~NpzWriter();
  void add(const std::string& name, DType type, const Shape& shape, std::span<const std::byte> data);
  void add_text(const std::string& name, std::string_view text);
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The header of a .npy file for an array of this type and shape, padded to 64 bytes.
std::string npy_header(DType type, const Shape& shape);

}  // namespace nn::format
