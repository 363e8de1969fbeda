// A network that checks run over, and what they need of it without a backend.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "nn/initialise.hpp"
#include "nn/plan.hpp"

namespace nn::test {

struct Case {
  std::string net;
  std::int64_t inputs, outputs;
  Loss loss;
  std::int64_t rows;
  Shape image = {};                         // of the input; empty: a vector
  std::vector<InputSegment> segments = {};  // of the input, for embedding
  std::string_view group = {};              // of its row in the table; empty: none
  // As Plan::answers().
  std::int64_t answers() const { return loss == Loss::binary_crossentropy && outputs == 1 ? 2 : outputs; }
  // As Plan::targets().
  std::int64_t targets() const { return loss == Loss::pinball || loss == Loss::gaussian ? 1 : outputs; }
  // Of pinball, one an output.
  std::vector<double> quantiles() const {
    std::vector<double> values;
    for (std::int64_t j = 0; loss == Loss::pinball && j < outputs; ++j)
      values.push_back((static_cast<double>(j) + 0.4) / static_cast<double>(outputs));
    return values;
  }
};

inline Plan plan_of(const Case& c) {
  Network network = parse_network(c.net);
  resolve(network, c.image.empty() ? Shape{c.inputs} : c.image, c.outputs, c.segments);
  return lower(network, c.loss, c.quantiles());
}

inline std::vector<float> parameters_of(const Plan& plan) {
  std::vector<float> values(static_cast<std::size_t>(plan.parameter_count));
  initialise(plan, 3, values);
  RandomStream random(5, RandomUse::shuffle, 2);
  for (const Parameter& p : plan.parameters) {
    if (p.decays || p.initial != 0) continue;  // biases that are not 0
    for (std::int64_t i = 0; i < p.size(); ++i)
      values[static_cast<std::size_t>(p.offset + i)] = static_cast<float>(0.2 * random.normal());
  }
  return values;
}

inline std::vector<double> widen(const std::vector<float>& values) { return {values.begin(), values.end()}; }

}  // namespace nn::test
