// batch_norm [momentum NUMBER] [epsilon NUMBER]
#include "nn/layers/norms.hpp"

namespace nn {
namespace {

void parse(Words& words, Layer& layer) {
  while (!words.empty()) {
    if (words.take_if("momentum")) {
      layer.momentum = parse_number_in("momentum", words.take("the momentum"), interval::between_0_and_1);
    } else if (!parse_epsilon(words, layer)) {
      return;
    }
  }
}

std::string print(const Layer& layer) {
  return (layer.momentum != LayerOptions().momentum ? fmt::format(" momentum {}", layer.momentum) : "") +
         print_epsilon(layer);
}

void lower(const Layer& layer, Lowering& to) {
  const Shape shape = {to.input().channels};
  const int gamma = to.add_parameter(layer, "gamma", shape, 1), beta = to.add_parameter(layer, "beta", shape),
            mean = to.add_parameter(layer, "moving_mean", shape),
            variance = to.add_parameter(layer, "moving_variance", shape, 1);
  for (const int moving : {mean, variance}) to.parameter(moving).trains = false;
  to.push(OpKind::batch_norm, to.input()).parameters = {gamma, beta, mean, variance};
}

OptionValues describe(const Layer& layer) {
  return {{"momentum", layer.momentum}, {"epsilon", layer.epsilon}};
}

}  // namespace

template <>
const LayerType& layer_type<LayerKind::batch_norm>() {
  static constexpr LayerType type{
      .word = "batch_norm", .parse = parse, .print = print, .lower = lower, .describe = describe};
  return type;
}

}  // namespace nn
