// residual(LAYERS) and residual(LAYERS; SHORTCUT). The marks around these layers are read and written by
// network_text.cpp: a mark is no layer by itself.
#include "base/error.hpp"
#include "nn/layer_type.hpp"

namespace nn {
namespace {

void refuse_residual(Words&, Layer&) {
  fail_usage("write 'residual(LAYERS)' or 'residual(LAYERS; SHORTCUT)'");
}

void refuse_mark(Words&, Layer& layer) {
  fail_usage("'{}' is no layer by itself; see residual", name_of(layer.kind));
}

void begin(const Layer& layer, Lowering& to) { to.begin_block(layer); }
void begin_shortcut(const Layer&, Lowering& to) { to.next_branch(); }
void end(const Layer&, Lowering& to) { to.end_residual(); }

OptionValues describe(const Layer&) { return {}; }

}  // namespace

template <>
const LayerType& layer_type<LayerKind::residual>() {
  static constexpr LayerType type{.word = "residual",
                                  .parse = refuse_residual,
                                  .print = print_nothing,
                                  .lower = begin,
                                  .describe = describe};
  return type;
}

template <>
const LayerType& layer_type<LayerKind::shortcut>() {
  static constexpr LayerType type{.word = "shortcut",
                                  .parse = refuse_mark,
                                  .print = print_nothing,
                                  .lower = begin_shortcut,
                                  .describe = describe};
  return type;
}

template <>
const LayerType& layer_type<LayerKind::add>() {
  static constexpr LayerType type{
      .word = "add", .parse = refuse_mark, .print = print_nothing, .lower = end, .describe = describe};
  return type;
}

}  // namespace nn
