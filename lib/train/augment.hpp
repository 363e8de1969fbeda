// Random changes to images that leave their class as it is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/random.hpp"
#include "nn/plan.hpp"

namespace nn::train {

struct Augmentation {
  std::int64_t shift = 0;  // moved by up to so many pixels each way; zeros come in
  std::int64_t crop = 0;   // a part of it, up to so many pixels smaller each way, enlarged to the whole
  bool flip = false;       // left and right exchanged, every second time
  bool empty() const { return shift == 0 && crop == 0 && !flip; }
};

// "shift 2, flip, crop 4", in any order.
Augmentation parse_augmentation(std::string_view text);
std::string to_string(const Augmentation& augmentation);

// `to` from `from` [height, width, channels], both image.size() floats, not overlapping. Takes
// its numbers from `random`; crops first, then shifts, then flips.
void augment(const Augmentation& augmentation, const Image& image, RandomStream& random, const float* from,
             float* to);

}  // namespace nn::train
