// How a number becomes what the network sees: (value - offset) * scale, with `fill` for a missing one.
#pragma once

#include "model/encoder.hpp"

namespace nn::model {

struct NumberRule {
  double fill, offset, scale;
};

inline NumberRule rule_of(const InputColumn& input) {
  return {input.fill.empty() ? 0.0 : input.fill[0], input.offset.empty() ? 0.0 : input.offset[0],
          input.scale.empty() ? 1.0 : input.scale[0]};
}

}  // namespace nn::model
