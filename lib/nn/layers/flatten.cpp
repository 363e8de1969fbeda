// flatten
#include "nn/layer_type.hpp"

namespace nn {
namespace {

void lower(const Layer&, Lowering& to) { to.flatten(); }

OptionValues describe(const Layer&) { return {}; }

}  // namespace

template <>
const LayerType& layer_type<LayerKind::flatten>() {
  static constexpr LayerType type{.word = "flatten",
                                  .parse = parse_nothing,
                                  .print = print_nothing,
                                  .lower = lower,
                                  .describe = describe};
  return type;
}

}  // namespace nn
