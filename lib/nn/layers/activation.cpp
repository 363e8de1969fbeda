// activation NAME
#include <fmt/format.h>

#include "nn/layer_type.hpp"
#include "nn/network.hpp"

namespace nn {
namespace {

void parse(Words& words, Layer& layer) { layer.activation = parse_activation(words.take("an activation")); }

std::string print(const Layer& layer) { return fmt::format(" {}", name_of(layer.activation)); }

void lower(const Layer& layer, Lowering& to) {
  if (layer.activation != Activation::linear) to.push(OpKind::activation, to.input());
}

OptionValues describe(const Layer& layer) { return {{"activation", name_of(layer.activation)}}; }

}  // namespace

template <>
const LayerType& layer_type<LayerKind::activation>() {
  static constexpr LayerType type{
      .word = "activation", .parse = parse, .print = print, .lower = lower, .describe = describe};
  return type;
}

}  // namespace nn
