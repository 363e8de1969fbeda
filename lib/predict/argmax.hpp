// The class that probabilities speak for.
#pragma once

#include <cstdint>

namespace nn::predict {

// The index of the largest of `classes` values, the lowest one on ties.
inline std::int32_t argmax_row(const float* values, std::int64_t classes) {
  float best = values[0];
  std::int32_t index = 0;
  for (std::int32_t c = 1; c < classes; ++c) {
    const bool larger = values[c] > best;
    best = larger ? values[c] : best;
    index = larger ? c : index;
  }
  return index;
}

// out [rows], overwritten: argmax_row() of each row of values [rows, classes].
inline void argmax(std::int64_t rows, std::int64_t classes, const float* values, std::int32_t* out) {
  for (std::int64_t row = 0; row < rows; ++row) out[row] = argmax_row(values + row * classes, classes);
}

}  // namespace nn::predict
