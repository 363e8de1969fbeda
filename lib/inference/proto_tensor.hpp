// Shapes of tensors in messages, compared with what a model takes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "inference/proto_elements.hpp"
#include "inference/signature.hpp"

namespace nn::inference::proto {

// Sizes as they came, the batch first.
class TensorShape {
 public:
  void clear() { rank_ = 0; }
  void add(std::int64_t size) {
    if (rank_ < sizes_.size()) sizes_[rank_] = size;
    ++rank_;
  }
  // The batch, and behind it a row's own shape; where that is a scalar, [n, 1] is as good as [n].
  bool has_rows_of(const Shape& row) const;
  std::int64_t batch() const { return sizes_[0]; }  // where there is one
  std::string text() const;                         // "[2,64]"

 private:
  std::array<std::int64_t, 8> sizes_;
  std::size_t rank_ = 0;  // may be more than there are sizes
};

// Compares the shapes of a request's inputs with what is expected, and with each other.
class BatchCheck {
 public:
  explicit BatchCheck(const RowLimits& limits) : limits_(limits) {}
  // The number of elements. Data errors; also where all inputs together would take too much memory as rows.
  std::size_t add(const TensorShape& shape, const TensorSpec& spec, const Place& place);
  std::int64_t rows() const { return rows_; }

 private:
  const RowLimits& limits_;
  std::int64_t rows_ = -1;
  std::uint64_t bytes_ = 0;
};

// What is kept of messages for the next one must not be what a single large one made.
template <typename T>
void clear_list(std::vector<T>& list) {
  constexpr std::size_t usual = 1024;
  if (list.capacity() > usual) list = {};
  list.clear();
}

// Data error where a list is as long as it may be: messages of a few bytes for each could have many millions.
constexpr std::size_t most_tensors = 65536;
template <typename T>
void check_room(const std::vector<T>& list, const char* what, std::size_t most = most_tensors) {
  if (list.size() >= most) fail_data("there are more than {} {}", most, what);
}

}  // namespace nn::inference::proto
