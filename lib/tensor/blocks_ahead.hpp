#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "tensor/blocks.hpp"
#include "tensor/read_ahead.hpp"

namespace nn {

// Blocks of a source that is read ahead, for a consumer that has several of them under way and waits for the
// source only when nothing else is to be done. One consumer thread.
class BlocksAhead {
 public:
  BlocksAhead(std::unique_ptr<BatchSource> source, std::int64_t rows)
      : reader_(std::move(source), batches), blocks_(rows) {}

  // The next block of at most so many rows, or nothing: at the end, and for an `idle` consumer only then;
  // otherwise also when the source has none yet. Throws what the source threw.
  std::optional<Batch> next(bool idle) {
    if (ended_) return std::nullopt;
    if (blocks_.empty()) {
      auto batch = idle ? reader_.next() : reader_.try_next();
      if (!batch) {
        ended_ = idle;
        return std::nullopt;
      }
      blocks_.refill(std::move(*batch));
    }
    return blocks_.cut();
  }

 private:
  static constexpr std::size_t batches = 2;
  ReadAhead reader_;
  Blocks blocks_;
  bool ended_ = false;
};

}  // namespace nn
