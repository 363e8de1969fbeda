// Dense arrays read as rows: what npy files, npz members and IDX files have in common.
// For the readers of this module only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/memory.hpp"
#include "format/bytes.hpp"
#include "tensor/batch.hpp"

namespace nn::format {

// The layout of the elements in the file.
struct ArrayLayout {
  DType type = DType::f32;  // a number
  bool big_endian = false;
  bool fortran = false;  // the first index varies fastest
  Shape shape;           // all dimensions
};

// Bytes of the whole array. Data error when the dimensions overflow.
std::uint64_t array_bytes(const ArrayLayout& layout, const std::string& name);

// "float32 [3,4]", for messages.
std::string describe(const ArrayLayout& layout);

// Bytes that are either in memory (a mapping) or come from a pipe or decompressor.
class ArrayInput {
 public:
  // In place where the input is mapped. `size`: how many bytes there are, where known.
  explicit ArrayInput(std::unique_ptr<ByteInput> input, std::optional<std::uint64_t> size = std::nullopt);
  ArrayInput(std::span<const std::byte> bytes, std::shared_ptr<const void> owner, std::string name);

  const std::string& name() const { return name_; }
  bool in_place() const { return owner_ != nullptr; }
  const std::shared_ptr<const void>& owner() const { return owner_; }  // null unless in place
  std::optional<std::uint64_t> remaining() const;                      // nothing on a pipe

  // Returns the number of bytes read, which is less than asked for only at the end.
  std::size_t read_some_of(std::span<std::byte> out);
  // The next `size` bytes in place; they must be there.
  std::span<const std::byte> view(std::uint64_t size);
  // The next `size` bytes, copied. Memory grows with what has arrived, so that a header
  // that promises too much doesn't take it. Fewer bytes only at the end.
  Buffer read_buffer(std::uint64_t size, std::uint64_t& got);
  bool at_end();

 private:
  std::string name_;
  std::unique_ptr<ByteInput> stream_;
  std::optional<std::uint64_t> left_;
  std::span<const std::byte> bytes_;
  std::shared_ptr<const void> owner_;
};

// The rows of an array, in order: next()… until row() == rows(), then finish(); or
// read_all() alone. Little-endian, C order, whatever the file has. One thread.
class ArrayReader {
 public:
  // `input` stands behind the header. Data error when the bytes present are known and
  // not as many as the layout promises.
  ArrayReader(ArrayInput input, ArrayLayout layout);

  const ArrayLayout& layout() const { return layout_; }
  const std::string& name() const { return input_.name(); }
  std::int64_t rows() const { return layout_.shape.empty() ? 1 : layout_.shape[0]; }
  std::int64_t row() const { return row_; }
  // A field for the rows. Data error when the array has no axis of rows, or empty rows.
  Field field(std::string column) const;
  // The rows that a batch should have: usual_batch_rows, fewer where they are large.
  std::int64_t batch_rows() const;

  Column next(std::int64_t count);  // 0 < count <= rows() - row()
  void finish();                    // data error when bytes follow the array
  Buffer read_all();

 private:
  Buffer read_exactly(std::uint64_t size);
  Column next_in_c_order(std::int64_t count);
  Column next_in_fortran_order(std::int64_t count);
  void load_whole();
  [[noreturn]] void fail_cut_off(std::uint64_t present) const;

  ArrayInput input_;
  ArrayLayout layout_;
  std::uint64_t bytes_ = 0;
  std::int64_t row_elements_ = 1;
  std::int64_t row_ = 0;
  // Fortran order: the whole array, in whole_ or mapped.
  Buffer whole_;
  const std::byte* whole_data_ = nullptr;
};

}  // namespace nn::format
