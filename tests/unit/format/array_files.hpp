// What the tests of array formats share: files made byte by byte, and sources read out.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "format/bytes.hpp"
#include "tensor/batch.hpp"

namespace nn::test {

// A name for a file that is removed at the end of the scope.
class ScratchFile {
 public:
  ScratchFile() {
    const char* folder = std::getenv("TMPDIR");
    path_ = std::string(folder != nullptr ? folder : "/tmp") + "/nn-test-XXXXXX";
    const UniqueFd fd(::mkstemp(path_.data()));
    if (!fd) fail_errno(path_);
  }
  explicit ScratchFile(std::string_view contents) : ScratchFile() { write_file(path_, contents); }
  ScratchFile(const ScratchFile&) = delete;
  ~ScratchFile() { ::unlink(path_.c_str()); }
  const std::string& path() const { return path_; }
  std::string contents() const { return std::string(MappedFile::open(path_)->text()); }

 private:
  std::string path_;
};

inline std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// A pipe as readers see it: bytes in memory that can't be used in place.
inline std::unique_ptr<format::ByteInput> piped(std::string bytes, const std::string& name) {
  struct Owned : format::ByteInput {
    Owned(std::string text, const std::string& its_name)
        : format::ByteInput(its_name),
          bytes(std::move(text)),
          input(format::bytes_in_memory(as_bytes(bytes), its_name)) {}
    std::size_t read(std::span<std::byte> out) override { return input->read(out); }
    std::string bytes;
    std::unique_ptr<format::ByteInput> input;
  };
  return std::make_unique<Owned>(std::move(bytes), name);
}

// All elements of column `index`, row by row.
struct Contents {
  std::vector<double> values;
  std::int64_t rows = 0;
  std::vector<std::int64_t> batches;
  bool operator==(const Contents&) const = default;
};

inline Contents read_out(BatchSource& source, std::size_t index = 0) {
  Contents out;
  const Field& field = source.schema()->fields.at(index);
  const std::int64_t elements = element_count(field.shape);
  while (auto batch = source.next()) {
    if (batch->first_row != out.rows || batch->rows <= 0) fail(ErrorKind::internal, "rows out of order");
    for (std::int64_t i = 0; i < batch->rows * elements; ++i) {
      out.values.push_back(number_at(field.type, batch->columns[index].data, i));
    }
    out.rows += batch->rows;
    out.batches.push_back(batch->rows);
  }
  return out;
}

// The message of the error that `action` throws; empty when it doesn't.
template <typename Action>
std::string error_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

// Appends the value in `type`, little- or big-endian.
inline void put_number(std::string& out, DType type, double value, bool big_endian) {
  std::uint64_t bits = 0;
  switch (type) {
    case DType::f16: bits = float_to_half(static_cast<float>(value)); break;
    case DType::f32: bits = __builtin_bit_cast(std::uint32_t, static_cast<float>(value)); break;
    case DType::f64: bits = __builtin_bit_cast(std::uint64_t, value); break;
    case DType::u64: bits = static_cast<std::uint64_t>(value); break;
    default: bits = static_cast<std::uint64_t>(static_cast<std::int64_t>(value)); break;
  }
  const auto size = static_cast<int>(size_of(type));
  for (int i = 0; i < size; ++i) out += static_cast<char>(bits >> 8 * (big_endian ? size - 1 - i : i) & 0xFF);
}

// The value of element `i` in tests: exact in the type, with its sign and high bytes used.
inline double sample_value(DType type, std::int64_t i) {
  if (type == DType::boolean) return static_cast<double>(i % 3 == 0);
  const bool is_signed = is_float(type) || (type >= DType::i8 && type <= DType::i64);
  const std::int64_t range = size_of(type) == 1 ? 100 : size_of(type) == 2 ? 2000 : 1000000;
  const auto value = static_cast<double>(i * 7919 % range);
  return is_signed && i % 2 == 1 ? -value : value;
}

}  // namespace nn::test
