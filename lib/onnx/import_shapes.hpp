// Nodes that change shapes, and what is computed of constants and of shapes. Internal to lib/onnx.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "onnx/import_flow.hpp"

namespace nn::onnx {

// The integers that a value stands for: a short constant of integers, or what comes from shapes.
std::optional<Integers> integers_of_value(const GraphValue& value);
// The same, of which none comes from the number of rows.
std::optional<std::vector<std::int64_t>> numbers_of_value(const GraphValue& value);
inline constexpr std::size_t most_integers = 4096;

// The result of a node whose operands are all constants; nothing where it can't be computed here.
std::optional<ConstantPtr> fold(const Node& node, std::span<const GraphValue> operands, std::int64_t opset);

// The result of a node on integers, of which some come from shapes.
std::optional<Integers> compute_integers(const Node& node, std::span<const GraphValue> operands);

// The axes of a node, from its attribute or its operand; nothing where they aren't constant. Not yet counted
// from the front.
std::optional<std::vector<std::int64_t>> axes_of(const Node& node, std::span<const GraphValue> operands);
// Counted from the front; nothing where one lies outside.
std::optional<std::vector<std::size_t>> from_front(const std::vector<std::int64_t>& axes, std::size_t rank);

// The dimensions of a flow after a node that only changes its shape. Nothing, and `why`, where
// its elements would be put together in a way that a network can't follow.
std::optional<std::vector<Group>> reshaped(const Node& node, std::span<const GraphValue> operands,
                                           const Space& space, const std::vector<Group>& dims,
                                           std::optional<std::int64_t> fixed_rows, std::string& why);
bool only_changes_shape(const Node& node);

}  // namespace nn::onnx
