// activation NAME [SLOPE]
#include "nn/layer_type.hpp"

namespace nn {
namespace {

std::string print(const Layer& layer) {
  return layer.activation == Activation::linear ? " linear" : activation_words(layer);
}

void lower(const Layer& layer, Lowering& to) {
  if (layer.activation != Activation::linear) to.push(OpKind::activation, to.input());
}

OptionValues describe(const Layer& layer) {
  OptionValues values;
  describe_activation(layer, values);
  return values;
}

}  // namespace

template <>
const LayerType& layer_type<LayerKind::activation>() {
  static constexpr LayerType type{.word = "activation",
                                  .parse = parse_activation_words,
                                  .print = print,
                                  .lower = lower,
                                  .describe = describe};
  return type;
}

}  // namespace nn
