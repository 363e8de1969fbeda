// Small arrays of doubles and the operators between them: what a graph computes element by element, or over a
// row, is tried out on a few numbers. Internal to lib/onnx.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "onnx/graph.hpp"

namespace nn::onnx {

struct Array {
  std::vector<std::int64_t> dims;
  std::vector<double> values;  // row-major
};

inline constexpr std::int64_t most_elements = 1 << 24;  // of an array that is computed

// The elements of a constant; nothing where they are no numbers, or more than `most_elements`.
std::optional<Array> array_of(const Tensor& tensor);

// Whether evaluate() knows the operator.
bool is_elementwise(const Node& node);
bool is_reduction(const Node& node);

// The node's first output; null inputs are left out. Nothing where the operator is none of those above, where
// shapes don't broadcast to each other, or the result would be larger than `most_elements`. Booleans are 0
// and
// 1. Data errors for attributes of a wrong type.
std::optional<Array> evaluate(const Node& node, std::span<const Array* const> inputs, std::int64_t opset);

}  // namespace nn::onnx
