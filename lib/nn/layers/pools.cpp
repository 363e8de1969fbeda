// max_pool2d SIZE [strides SIZE] [same|valid|pad SIDES], average_pool2d likewise, global_average_pool2d and
// global_max_pool2d.
#include "nn/layers/windows.hpp"

namespace nn {
namespace {

// Windows follow each other, unless strides say otherwise.
void parse(Words& words, Layer& layer) {
  layer.kernel = parse_size(words.take("the size of the window, such as 2,"));
  layer.strides = layer.kernel;
  WindowOptions window;
  while (!words.empty() && window.take(words, layer)) {
  }
}

std::string print(const Layer& layer) {
  return " " + to_string(layer.kernel) + print_window_options(layer, layer.kernel);
}

template <OpKind kind>
void lower(const Layer& layer, Lowering& to) {
  to.push_window(kind, layer, to.input_image(layer).channels);
}

OptionValues describe(const Layer& layer) {
  OptionValues values{{"pool_size", layer.kernel}};
  describe_window(layer, values);
  return values;
}

// A window as large as the image.
template <OpKind kind>
void lower_global(const Layer& layer, Lowering& to) {
  // Training counts the pixels of a window in floats.
  constexpr std::int64_t most_pixels = 1 << 24;
  const Image in = to.input_image(layer);
  if (kind == OpKind::max_pool2d && in.pixels() > most_pixels)
    fail_usage("its input is images of {} pixels; {} is the most", in.pixels(), most_pixels);
  to.push(kind, {1, 1, in.channels}).window.kernel = {in.height, in.width};
  to.flatten();
}

OptionValues describe_global(const Layer&) { return {}; }

}  // namespace

template <>
const LayerType& layer_type<LayerKind::max_pool2d>() {
  static constexpr LayerType type{.word = "max_pool2d",
                                  .parse = parse,
                                  .print = print,
                                  .lower = lower<OpKind::max_pool2d>,
                                  .describe = describe};
  return type;
}

template <>
const LayerType& layer_type<LayerKind::average_pool2d>() {
  static constexpr LayerType type{.word = "average_pool2d",
                                  .parse = parse,
                                  .print = print,
                                  .lower = lower<OpKind::average_pool2d>,
                                  .describe = describe};
  return type;
}

template <>
const LayerType& layer_type<LayerKind::global_average_pool2d>() {
  static constexpr LayerType type{.word = "global_average_pool2d",
                                  .parse = parse_nothing,
                                  .print = print_nothing,
                                  .lower = lower_global<OpKind::average_pool2d>,
                                  .describe = describe_global};
  return type;
}

template <>
const LayerType& layer_type<LayerKind::global_max_pool2d>() {
  static constexpr LayerType type{.word = "global_max_pool2d",
                                  .parse = parse_nothing,
                                  .print = print_nothing,
                                  .lower = lower_global<OpKind::max_pool2d>,
                                  .describe = describe_global};
  return type;
}

}  // namespace nn
