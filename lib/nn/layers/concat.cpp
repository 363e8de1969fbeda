// concat(LAYERS; LAYERS; …): branches that all begin with the block's input, and whose channels are joined.
// An empty one is the input itself. The marks around these layers are read and written by network_text.cpp: a
// mark is no layer by itself.
#include "base/error.hpp"
#include "nn/layer_type.hpp"

namespace nn {
namespace {

void refuse_concat(Words&, Layer&) {
  fail_usage("write 'concat(LAYERS; LAYERS)'; of an empty branch the input itself is joined");
}

void refuse_mark(Words&, Layer& layer) {
  fail_usage("'{}' is no layer by itself; see concat", name_of(layer.kind));
}

void begin(const Layer& layer, Lowering& to) { to.begin_block(layer); }
void next(const Layer&, Lowering& to) { to.next_branch(); }
void end(const Layer&, Lowering& to) { to.end_concat(); }

OptionValues describe(const Layer&) { return {}; }

}  // namespace

template <>
const LayerType& layer_type<LayerKind::concat>() {
  static constexpr LayerType type{
      .word = "concat", .parse = refuse_concat, .print = print_nothing, .lower = begin, .describe = describe};
  return type;
}

template <>
const LayerType& layer_type<LayerKind::branch>() {
  static constexpr LayerType type{
      .word = "branch", .parse = refuse_mark, .print = print_nothing, .lower = next, .describe = describe};
  return type;
}

template <>
const LayerType& layer_type<LayerKind::join>() {
  static constexpr LayerType type{
      .word = "join", .parse = refuse_mark, .print = print_nothing, .lower = end, .describe = describe};
  return type;
}

}  // namespace nn
