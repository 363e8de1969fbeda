// dense [UNITS] [ACTIVATION [SLOPE]]: only the last one of a network may be without units.
#include <fmt/format.h>

#include "nn/layer_type.hpp"

namespace nn {
namespace {

void parse(Words& words, Layer& layer) {
  if (words.number_follows()) layer.units = parse_units("units", words.take("units"));
  if (!words.empty()) parse_activation_words(words, layer);
}

std::string print(const Layer& layer) {
  return (layer.units > 0 ? fmt::format(" {}", layer.units) : "") + activation_words(layer);
}

void lower(const Layer& layer, Lowering& to) {
  to.flatten();
  const std::int64_t inputs = to.input().channels;
  const int kernel = to.add_kernel(layer, {inputs, layer.units}, inputs, layer.units);
  const int bias = to.add_parameter(layer, "bias", {layer.units});
  to.push(OpKind::dense, {1, 1, layer.units}).parameters = {kernel, bias};
}

OptionValues describe(const Layer& layer) {
  OptionValues values{{"units", layer.units}};
  describe_activation(layer, values);
  return values;
}

}  // namespace

template <>
const LayerType& layer_type<LayerKind::dense>() {
  static constexpr LayerType type{
      .word = "dense", .parse = parse, .print = print, .lower = lower, .describe = describe};
  return type;
}

}  // namespace nn
