// Inputs of a signature by name, for messages that have many of them in any order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "inference/signature.hpp"

namespace nn::inference {

// Keeps its memory from one message to the next. Where messages have them in the signature's order, nothing
// is sorted.
class ColumnFinder {
 public:
  // `specs` must outlive the calls that follow.
  void begin(const std::vector<TensorSpec>& specs);
  // The input of that name, which may be the one behind the last that was found; nothing where there is none.
  std::optional<std::size_t> find(std::string_view name);

 private:
  const std::vector<TensorSpec>* specs_ = nullptr;
  std::size_t next_ = 0;
  std::vector<std::uint32_t> sorted_;  // positions by name, once they are needed
};

}  // namespace nn::inference
