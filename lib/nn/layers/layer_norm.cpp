// layer_norm [epsilon NUMBER]
#include "nn/layers/norms.hpp"

namespace nn {
namespace {

void parse(Words& words, Layer& layer) {
  while (parse_epsilon(words, layer)) {
  }
}

void lower(const Layer& layer, Lowering& to) {
  const Shape shape = {to.input().channels};
  const int gamma = to.add_parameter(layer, "gamma", shape, 1), beta = to.add_parameter(layer, "beta", shape);
  to.push(OpKind::layer_norm, to.input()).parameters = {gamma, beta};
}

OptionValues describe(const Layer& layer) { return {{"epsilon", layer.epsilon}}; }

}  // namespace

template <>
const LayerType& layer_type<LayerKind::layer_norm>() {
  static constexpr LayerType type{
      .word = "layer_norm", .parse = parse, .print = print_epsilon, .lower = lower, .describe = describe};
  return type;
}

}  // namespace nn
