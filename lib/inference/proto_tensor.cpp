#include "inference/proto_tensor.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "inference/elements.hpp"

namespace nn::inference::proto {

bool TensorShape::has_rows_of(const Shape& row) const {
  if (rank_ == 0 || rank_ > sizes_.size()) return false;
  if (row.empty()) return rank_ == 1 || (rank_ == 2 && sizes_[1] == 1);
  return rank_ == row.size() + 1 && std::equal(row.begin(), row.end(), sizes_.begin() + 1);
}

std::string TensorShape::text() const {
  if (rank_ > sizes_.size()) return fmt::format("{} dimensions", rank_);
  return fmt::format("[{}]", fmt::join(sizes_.begin(), sizes_.begin() + rank_, ","));
}

std::size_t BatchCheck::add(const TensorShape& shape, const TensorSpec& spec, const Place& place) {
  if (!shape.has_rows_of(spec.shape)) {
    fail_data("unexpected shape for {}. Expected {}, got {}", place.text(), batch_shape(spec.shape),
              shape.text());
  }
  const std::int64_t rows = shape.batch();
  if (rows < 0) fail_data("{} has the shape {}, with a negative dimension", place.text(), shape.text());
  if (rows == 0) fail_data("{} has no rows", place.text());
  if (rows > limits_.rows) {
    fail_data("{} has {} rows, but a request may have at most {}", place.text(), rows, limits_.rows);
  }
  if (rows_ >= 0 && rows != rows_) {
    fail_data("{} has {} rows, but the inputs before it have {}", place.text(), rows, rows_);
  }
  rows_ = rows;
  const auto count = static_cast<std::uint64_t>(rows) * static_cast<std::uint64_t>(element_count(spec.shape));
  bytes_ += count * (spec.shape.empty() ? sizeof(double) : sizeof(float));
  if (bytes_ > limits_.bytes) fail_most_bytes(limits_.bytes);
  return static_cast<std::size_t>(count);
}

}  // namespace nn::inference::proto
