#include "nn/network.hpp"

#include <algorithm>

#include "nn/layer_type.hpp"
#include "nn/names.hpp"

namespace nn {
namespace {

constexpr std::array<std::string_view, 9> activation_names = {
    "linear", "relu", "leaky_relu", "elu", "selu", "gelu", "tanh", "sigmoid", "softplus"};
constexpr std::array<std::string_view, 5> loss_names = {"categorical_crossentropy", "binary_crossentropy",
                                                        "mse", "mae", "huber"};
constexpr std::size_t most_layers = 1000;

template <typename Layers>
auto* last_dense(Layers& layers) {
  const auto found = std::find_if(layers.rbegin(), layers.rend(),
                                  [](const Layer& layer) { return layer.kind == LayerKind::dense; });
  return found == layers.rend() ? nullptr : &*found;
}

}  // namespace

std::string_view name_of(Activation activation) {
  return activation_names[static_cast<std::size_t>(activation)];
}
std::string_view name_of(Loss loss) { return loss_names[static_cast<std::size_t>(loss)]; }

Activation parse_activation(std::string_view name) {
  return parse_name<Activation>(activation_names, name, "an activation");
}
Loss parse_loss(std::string_view name) { return parse_name<Loss>(loss_names, name, "a loss"); }

std::int64_t Network::outputs() const {
  const Layer* last = last_dense(layers);
  return last == nullptr ? 0 : last->units;
}

void finish_layers(Network& network) {
  if (network.layers.size() > most_layers) fail_usage("more than {} layers", most_layers);
  const Layer* last = last_dense(network.layers);
  if (last == nullptr) fail_usage("there is no dense layer");
  std::array<int, count_of<LayerKind>> counts{};
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    Layer& layer = network.layers[i];
    if (layer.kind == LayerKind::dense && layer.units == 0 && &layer != last) {
      fail_usage("layer {}: only the last dense layer may be without a number of units", i + 1);
    }
    const LayerType& type = type_of(layer.kind);
    if (!type.first_because.empty() && i > 0)
      fail_usage("layer {}: {}, so it can only be the first layer", i + 1, type.first_because);
    layer.name =
        fmt::format("{}_{}", std::string_view(type.word), counts[static_cast<std::size_t>(layer.kind)]++);
  }
}

void resolve(Network& network, Shape input, std::int64_t outputs, std::vector<InputSegment> segments) {
  finish_layers(network);
  network.input = std::move(input);
  network.segments = std::move(segments);
  Layer* last = last_dense(network.layers);
  if (last->units != 0 && last->units != outputs) {
    fail_usage("the last layer has {} units, but the data asks for {}; write it without a number",
               last->units, outputs);
  }
  last->units = outputs;
}

}  // namespace nn
