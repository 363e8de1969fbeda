#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "tensor/batch.hpp"

namespace nn {

// Rows of a message: large enough that its own cost doesn't count, small enough for a cache.
inline std::int64_t rows_of_message(const Schema& schema) {
  constexpr std::int64_t bytes = 1 << 20, least = 1024, most = 16384;
  std::int64_t row = 1;
  for (const Field& field : schema.fields) {
    row += element_count(field.shape) * static_cast<std::int64_t>(size_of(field.type));
  }
  const std::int64_t fits = std::max<std::int64_t>(1, 16 * bytes / row);  // rows may be large images
  return std::min(std::clamp(bytes / row, least, most), fits);
}

// Cuts the batches of a reader into blocks of at most so many rows.
class Blocks {
 public:
  explicit Blocks(std::int64_t rows) : rows_(rows) {}
  bool empty() const { return at_ == batch_.rows; }
  void refill(Batch batch) {
    batch_ = std::move(batch);
    at_ = 0;
  }
  Batch cut() {
    const std::int64_t count = std::min(rows_, batch_.rows - at_);
    Batch block = slice(batch_, at_, count);
    at_ += count;
    if (empty()) refill({});  // memory of a stream is used again once nobody refers to it
    return block;
  }

 private:
  std::int64_t rows_;
  Batch batch_;
  std::int64_t at_ = 0;
};

}  // namespace nn
