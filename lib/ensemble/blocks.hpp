#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "tensor/batch.hpp"

namespace nn {

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
