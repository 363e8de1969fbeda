// Rows for a case.
#pragma once

#include <vector>

#include "backend/cpu/cpu_program.hpp"
#include "layers/case.hpp"

namespace nn::test {

// Rows, labels and weights of a case; the same for every element type.
template <typename T>
struct Data {
  explicit Data(const Case& c) : Data(c, c.rows) {}
  Data(const Case& c, std::int64_t rows) : rows_(rows) {
    RandomStream random(7, RandomUse::shuffle, 1);
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < c.inputs; ++j)
        x.push_back(static_cast<T>(static_cast<float>(random.normal())));
      for (std::int64_t j = 0; j < c.targets(); ++j)
        targets.push_back(static_cast<T>(static_cast<float>(2 * random.normal())));
      const std::int64_t classes = c.loss == Loss::binary_crossentropy ? 2 : c.outputs;
      labels.push_back(static_cast<std::int32_t>(random.below(static_cast<std::uint64_t>(classes))));
      weights.push_back(static_cast<T>(static_cast<float>(0.5 + random.uniform())));
    }
  }
  backend::cpu::ExamplesOf<T> examples(bool weighted) const {
    return {rows_, x.data(), labels.data(), targets.data(), weighted ? weights.data() : nullptr};
  }
  std::int64_t rows_;
  std::vector<T> x, targets, weights;
  std::vector<std::int32_t> labels;
};

}  // namespace nn::test
