// A layer's options as names and values, for those who write them down in formats of their own.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "nn/layer.hpp"

namespace nn {

struct OptionValue {
  std::string_view name;  // as Keras has it: "filters", "kernel_size"
  std::variant<std::int64_t, double, std::string_view, Size, Sides> value;
};
using OptionValues = std::vector<OptionValue>;

// All options of the layer, in an order that is always the same.
OptionValues option_values(const Layer& layer);

}  // namespace nn
