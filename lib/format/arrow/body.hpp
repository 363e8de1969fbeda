// The lists of a record batch and the body they point into. Internal to the stream reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/memory.hpp"
#include "format/arrow/stream.hpp"

namespace nn::arrow {
struct RecordBatch;
}

namespace nn::format {

// Element `index` of a FlatBuffers vector, as a copy: the verifier does not see to it that elements
// of 8 bytes are aligned.
template <typename T, typename Vector>
T element_of(const Vector& vector, std::uint32_t index) {
  T element;
  std::memcpy(&element, vector.Data() + index * sizeof element, sizeof element);
  return element;
}

// A message's body, with a share in its memory.
struct WireBody {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
};

// The word for a value of a batch in messages: "row 17", "entry 3".
struct RowNames {
  std::string_view what = "row";
  std::int64_t first = 0;
};

// What is left of StreamLimits::decoded() for the messages that share it.
class DecodedBudget {
 public:
  explicit DecodedBudget(const StreamLimits& limits) : limit_(limits.decoded()) {}
  void refill() { used_ = 0; }
  // Before the memory is taken. Data error that names the limit.
  void take(std::uint64_t bytes);

 private:
  std::uint64_t limit_, used_ = 0;
};

// Takes nodes and buffers off a verified record batch, in its order, each checked against the
// body. Whoever uses it knows the layouts; this knows offsets, compression and limits.
// Buffers may not overlap: as many bytes as the body has are given out at most, so that the work is in
// proportion to the body, and what goes beyond that is taken from the budget.
class BodyReader {
 public:
  using Bytes = std::span<const std::byte>;

  BodyReader(const arrow::RecordBatch& batch, const WireBody& body, const StreamLimits& limits,
             DecodedBudget& budget, RowNames names);

  std::int64_t rows() const { return rows_; }
  std::string row_name(std::int64_t row) const;

  // The next node; returns how many of its values are missing. A negative `length` is any.
  std::int64_t node(std::int64_t length);
  // The next buffer as it lies in the body, and decompressed.
  Bytes raw_buffer();
  Bytes buffer();
  // The next buffer as `count` values of `width` bytes, aligned to `alignment` bytes.
  const std::byte* values(std::int64_t count, std::size_t width, std::size_t alignment);
  template <typename T>
  const T* values(std::int64_t count) {
    return reinterpret_cast<const T*>(values(count, sizeof(T), alignof(T)));
  }
  // The next buffer as a bitmap of `count` values; null where nothing is missing.
  const std::uint8_t* validity(std::int64_t missing, std::int64_t count);
  // The next buffer as `count` bits, a byte each.
  const std::byte* unpacked_bits(std::int64_t count);
  // The number of buffers of text that the next column of views has.
  std::int64_t view_buffers();

  // New memory that lives as long as the columns.
  std::span<std::byte> make(std::size_t bytes);
  template <typename T>
  T* make_array(std::int64_t count) {
    return reinterpret_cast<T*>(make(static_cast<std::size_t>(count) * sizeof(T)).data());
  }
  // Zeros, the same ones each time; the budget pays each time, since whoever reads them works each time.
  const std::byte* zeros(std::size_t bytes);
  // Takes from the budget without making anything: for values that take no bytes.
  void charge(std::uint64_t bytes) { budget_.take(bytes); }

  // A share in everything that was given out.
  std::shared_ptr<const void> owner() const { return memory_; }
  const StreamLimits& limits() const { return limits_; }

 private:
  struct Memory {
    std::shared_ptr<const void> body;
    std::vector<Buffer> made;
  };

  const arrow::RecordBatch& batch_;
  const WireBody& body_;
  StreamLimits limits_;
  DecodedBudget& budget_;
  RowNames names_;
  std::int64_t rows_;
  std::shared_ptr<Memory> memory_;
  std::uint32_t nodes_ = 0, buffers_ = 0, views_ = 0;
  std::uint64_t decompressed_ = 0, given_out_ = 0;
  std::span<const std::byte> zeros_;
};

}  // namespace nn::format
