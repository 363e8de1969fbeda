// What several elementwise nodes are together: exporters spell gelu or a norm in many ways, so that they are
// recognised by what they compute. Internal to lib/onnx.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "onnx/import_flow.hpp"

namespace nn::onnx {

// An activation by its name in the network language, with its slope where that isn't the usual one.
struct KnownActivation {
  std::string name;
  std::optional<double> slope;
};
// x * scale + shift, for each channel, in our order; of one element, for all.
struct KnownAffine {
  std::vector<double> scale, shift;
};
// Over the channels of each pixel, or over a vector, in our order.
struct KnownNorm {
  std::vector<double> gamma, beta;
  double epsilon = 0;
};
using Known = std::variant<KnownActivation, KnownAffine, KnownNorm>;

// What makes the result of `op` of that of `from`, which dominates it; nothing where other operations lie
// between than elementwise ones, where more than one value of rows goes in, or where they compute something
// else. Compared at many numbers, large and small, to 1e-6.
std::optional<Known> recognise(const FlowGraph& graph, int from, int op);

}  // namespace nn::onnx
