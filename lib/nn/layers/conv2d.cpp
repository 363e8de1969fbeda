// conv2d FILTERS KERNEL [strides SIZE] [same|valid|pad SIDES] [dilation SIZE] [groups COUNT] [ACTIVATION
// [SLOPE]]
#include <fmt/format.h>

#include "base/error.hpp"
#include "nn/layers/windows.hpp"

namespace nn {
namespace {

void parse(Words& words, Layer& layer) {
  layer.units = parse_units("filters", words.take("the number of filters"));
  layer.kernel = parse_size(words.take("the size of the kernel, such as 3x3,"));
  WindowOptions window;
  while (!words.empty()) {
    if (window.take(words, layer)) continue;
    if (words.take_if("dilation")) {
      layer.dilation = parse_size(words.take("the size of the dilation"));
      continue;
    }
    if (words.take_if("groups")) {
      layer.groups = parse_units("groups", words.take("the number of groups"));
      if (layer.units % layer.groups != 0)
        fail_usage("{} filters are no multiple of {} groups", layer.units, layer.groups);
      continue;
    }
    return parse_activation_words(words, layer);
  }
}

std::string print(const Layer& layer) {
  return fmt::format(" {} {}x{}{}{}{}{}", layer.units, layer.kernel.height, layer.kernel.width,
                     print_window_options(layer, {1, 1}),
                     layer.dilation != Size() ? " dilation " + to_string(layer.dilation) : "",
                     layer.groups > 1 ? fmt::format(" groups {}", layer.groups) : "",
                     activation_words(layer));
}

void lower(const Layer& layer, Lowering& to) {
  const Image in = to.input_image(layer);
  if (in.channels % layer.groups != 0)
    fail_usage("{} channels can't be cut into {} groups", in.channels, layer.groups);
  const std::int64_t channels = in.channels / layer.groups;
  const std::int64_t area = layer.kernel.height * layer.kernel.width;
  const int kernel = to.add_kernel(layer, {layer.kernel.height, layer.kernel.width, channels, layer.units},
                                   area * channels, area * layer.units);
  const int bias = to.add_parameter(layer, "bias", {layer.units});
  to.push_window(OpKind::conv2d, layer, layer.units).parameters = {kernel, bias};
}

OptionValues describe(const Layer& layer) {
  OptionValues values{{"filters", layer.units}, {"groups", layer.groups}};
  describe_activation(layer, values);
  values.push_back({"kernel_size", layer.kernel});
  describe_window(layer, values);
  values.push_back({"dilation_rate", layer.dilation});
  return values;
}

}  // namespace

template <>
const LayerType& layer_type<LayerKind::conv2d>() {
  static constexpr LayerType type{
      .word = "conv2d", .parse = parse, .print = print, .lower = lower, .describe = describe};
  return type;
}

}  // namespace nn
