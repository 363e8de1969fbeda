// The options that all layers have whose windows slide over images: "[strides SIZE] [same|valid|pad SIDES]".
#pragma once

#include <string>

#include "base/error.hpp"
#include "nn/layer_type.hpp"

namespace nn {

class WindowOptions {
 public:
  // False where the next word is none of them.
  bool take(Words& words, Layer& layer) {
    if (words.take_if("strides")) {
      layer.strides = parse_size(words.take("the size of the strides"));
    } else if (words.take_if("same")) {
      say("same");
      layer.same = true;
    } else if (words.take_if("valid")) {
      say("valid");
    } else if (words.take_if("pad")) {
      say("pad");
      layer.pad = parse_sides(words.take("the number of pixels to pad by"));
    } else {
      return false;
    }
    return true;
  }

 private:
  void say(std::string_view padding) {
    if (!padding_.empty() && padding_ != padding)
      fail_usage("'{}' and '{}' both say how images are padded: write one of them", padding_, padding);
    padding_ = padding;
  }

  std::string_view padding_;  // the word that said it
};

inline std::string print_window_options(const Layer& layer, Size usual_strides) {
  std::string out;
  if (layer.strides != usual_strides) out += " strides " + to_string(layer.strides);
  if (layer.same) out += " same";
  if (layer.pad != Sides()) out += " pad " + to_string(layer.pad);
  return out;
}

inline void describe_window(const Layer& layer, OptionValues& values) {
  const bool pads = layer.pad != Sides();
  values.push_back({"strides", layer.strides});
  values.push_back({"padding", layer.same ? "same" : pads ? "pad" : "valid"});
  if (pads) values.push_back({"pad", layer.pad});
}

}  // namespace nn
