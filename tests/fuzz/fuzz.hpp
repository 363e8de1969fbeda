// What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput(); whatever is
// not an nn::Error with a printable message is a finding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "../unit/allocated.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "tensor/batch.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace nn::fuzz {

inline std::span<const std::byte> as_input(const std::uint8_t* data, std::size_t size) {
  return std::as_bytes(std::span(data, size));
}

inline std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Takes choices off the front of the input; an input that has no more of them chooses 0.
class Choices {
 public:
  explicit Choices(std::span<const std::byte> input) : rest_(input) {}
  // 0 … count-1, with count up to 256.
  std::size_t of(std::size_t count) {
    if (rest_.empty()) return 0;
    const auto choice = static_cast<std::size_t>(rest_.front()) % count;
    rest_ = rest_.subspan(1);
    return choice;
  }
  bool yes() { return of(2) == 1; }
  std::span<const std::byte> rest() const { return rest_; }

 private:
  std::span<const std::byte> rest_;
};

// Holds what runs in its scope to memory and time in proportion to the input, with limits that are generous:
// `each` bytes of memory for each byte of input, beside `constant` for what limits allow any input to take,
// and microseconds of this thread likewise. Anything over that is a finding.
class Budget {
 public:
  Budget(std::size_t input_bytes, std::size_t constant);
  Budget(const Budget&) = delete;
  ~Budget();

 private:
  std::size_t memory_;
  double seconds_, begin_;
  test::AllocatedBytes allocated_;
};

// Stops the process where a promise was broken.
[[noreturn]] void broken_promise(std::string_view what, std::string_view detail);

// The error is not our bug, and its message is one printable line.
void check_error(const Error& error);

// Whether `body` got through; false after an error that is in order. All else is a finding.
template <typename Body>
bool accepts(Body&& body) {
  try {
    body();
    return true;
  } catch (const Error& error) {
    check_error(error);
    return false;
  }
}

// A file with these bytes, which exists in memory only.
class MemoryFile {
 public:
  explicit MemoryFile(std::span<const std::byte> bytes);
  const std::string& path() const { return path_; }

 private:
  UniqueFd fd_;
  std::string path_;
};

// Looks at every value: as bytes of a stream, and as text.
void use(const Batch& batch);

// Reads on to the end, uses all of it, and returns the number of rows.
std::int64_t use_all(BatchSource& source);

}  // namespace nn::fuzz
