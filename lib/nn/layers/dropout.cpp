// dropout RATE
#include <fmt/format.h>

#include "base/numbers.hpp"
#include "nn/layer_type.hpp"

namespace nn {
namespace {

void parse(Words& words, Layer& layer) {
  layer.rate = parse_number_in("rate", words.take("the rate"), interval::rate);
}

std::string print(const Layer& layer) { return fmt::format(" {}", layer.rate); }

void lower(const Layer& layer, Lowering& to) {
  if (layer.rate > 0) to.push(OpKind::dropout, to.input()).training_only = true;
}

OptionValues describe(const Layer& layer) { return {{"rate", layer.rate}}; }

}  // namespace

template <>
const LayerType& layer_type<LayerKind::dropout>() {
  static constexpr LayerType type{
      .word = "dropout", .parse = parse, .print = print, .lower = lower, .describe = describe};
  return type;
}

}  // namespace nn
