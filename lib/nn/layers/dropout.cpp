// dropout RATE
#include <fmt/format.h>

#include "base/error.hpp"
#include "base/numbers.hpp"
#include "nn/layer_type.hpp"

namespace nn {
namespace {

void parse(Words& words, Layer& layer) {
  const std::string_view word = words.take("the rate");
  layer.rate = parse_number(word);
  if (!(layer.rate >= 0 && layer.rate < 1)) fail_usage("rate {}; it is at least 0 and below 1", word);
}

std::string print(const Layer& layer) { return fmt::format(" {}", layer.rate); }

void lower(const Layer& layer, Lowering& to) {
  if (layer.rate > 0) to.push(OpKind::dropout, to.input()).training_only = true;
}

OptionValues describe(const Layer& layer) { return {{"rate", layer.rate}}; }

}  // namespace

template <>
const LayerType& layer_type<LayerKind::dropout>() {
  static constexpr LayerType type{.word = "dropout",
                                  .parse = parse,
                                  .print = print,
                                  .lower = lower,
                                  .describe = describe,
                                  .passes_kernel = true};
  return type;
}

}  // namespace nn
