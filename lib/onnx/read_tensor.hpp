// TensorProto. Internal to lib/onnx.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "onnx/external_data.hpp"
#include "onnx/graph.hpp"

namespace nn::onnx {

// What parts of a file share while it is read: where tensors get their elements, and how much there may be of
// what takes more memory than it has bytes in the file.
struct Reading {
  std::shared_ptr<const void> keeper;  // of the file's bytes
  ExternalFiles* external = nullptr;   // null: refused
  std::size_t nodes = 0, attributes = 0, texts = 0, tensors = 0;

  // Counts one more; data error beyond the limit.
  void count_node();
  void count_attribute();
  void count_text();
  void count_tensor();
};

inline constexpr std::size_t most_dimensions = 32;

Tensor read_tensor(std::string_view message, Reading& reading);

}  // namespace nn::onnx
