// The options that batch_norm and layer_norm have in common.
#pragma once

#include <fmt/format.h>

#include <string>

#include "base/numbers.hpp"
#include "nn/layer_type.hpp"

namespace nn {

// False where the next word isn't "epsilon".
inline bool parse_epsilon(Words& words, Layer& layer) {
  if (!words.take_if("epsilon")) return false;
  layer.epsilon = parse_number_in("epsilon", words.take("epsilon"), interval::between_0_and_1);
  return true;
}

inline std::string print_epsilon(const Layer& layer) {
  return layer.epsilon != LayerOptions().epsilon ? fmt::format(" epsilon {}", layer.epsilon) : "";
}

}  // namespace nn
