// The options that all layers have whose windows slide over images: "[strides SIZE] [same|valid]".
#pragma once

#include <string>

#include "nn/layer_type.hpp"

namespace nn {

// False where the next word is neither.
inline bool parse_window_option(Words& words, Layer& layer) {
  if (words.take_if("same")) return layer.same = true;
  if (words.take_if("valid")) return !(layer.same = false);
  if (!words.take_if("strides")) return false;
  layer.strides = parse_size(words.take("the size of the strides"));
  return true;
}

inline std::string print_window_options(const Layer& layer, Size usual_strides) {
  std::string out;
  if (layer.strides != usual_strides) out += " strides " + to_string(layer.strides);
  if (layer.same) out += " same";
  return out;
}

inline std::string_view padding_of(const Layer& layer) { return layer.same ? "same" : "valid"; }

}  // namespace nn
