#include "nn/network.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>

#include "base/enum_names.hpp"
#include "base/error.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"
#include "nn/finish_layers.hpp"
#include "nn/layer_type.hpp"

namespace nn {
namespace {

constexpr EnumName<Activation> activations[] = {{Activation::linear, "linear"},
                                                {Activation::relu, "relu"},
                                                {Activation::leaky_relu, "leaky_relu"},
                                                {Activation::elu, "elu"},
                                                {Activation::selu, "selu"},
                                                {Activation::gelu, "gelu"},
                                                {Activation::tanh, "tanh"},
                                                {Activation::sigmoid, "sigmoid"},
                                                {Activation::softplus, "softplus"},
                                                {Activation::relu6, "relu6"},
                                                {Activation::silu, "silu"},
                                                {Activation::hard_swish, "hard_swish"},
                                                {Activation::hard_sigmoid, "hard_sigmoid"},
                                                {Activation::mish, "mish"},
                                                {Activation::softsign, "softsign"},
                                                {Activation::gelu_tanh, "gelu_tanh"}};
constexpr EnumName<Loss> losses[] = {{Loss::categorical_crossentropy, "categorical_crossentropy"},
                                     {Loss::binary_crossentropy, "binary_crossentropy"},
                                     {Loss::mse, "mse"},
                                     {Loss::mae, "mae"},
                                     {Loss::huber, "huber"},
                                     {Loss::pinball, "pinball"},
                                     {Loss::gaussian, "gaussian"}};
constexpr std::size_t most_layers = 1000;

template <typename Layers>
auto* last_dense(Layers& layers) {
  const auto found = std::find_if(layers.rbegin(), layers.rend(),
                                  [](const Layer& layer) { return layer.kind == LayerKind::dense; });
  return found == layers.rend() ? nullptr : &*found;
}

// Whether what comes behind a dense layer has its width.
bool keeps_width(const std::vector<Layer>& layers, const Layer* dense) {
  return std::none_of(dense + 1, layers.data() + layers.size(), [](const Layer& layer) {
    return layer.kind == LayerKind::branch || layer.kind == LayerKind::join;
  });
}

// Whether it changes what goes through it without weights that could undo that.
bool changes_logits(const Layer& layer) {
  switch (layer.kind) {
    case LayerKind::activation:
    case LayerKind::batch_norm:
    case LayerKind::layer_norm:
    case LayerKind::dropout: return true;
    default: return layer.activation != Activation::linear;
  }
}

}  // namespace

const EnumNames<Activation>& enum_names(Activation) {
  static constexpr EnumNames<Activation> names{"an activation", activations};
  return names;
}
const EnumNames<Loss>& enum_names(Loss) {
  static constexpr EnumNames<Loss> names{"a loss", losses};
  return names;
}

std::string_view name_of(Activation activation) { return enum_names(activation).name_of(activation); }
std::string_view name_of(Loss loss) { return enum_names(loss).name_of(loss); }

Activation parse_activation(std::string_view name) {
  if (name == "softmax")
    fail_usage("softmax is no activation here: the loss of classes applies it; leave it out");
  if (name == "swish") fail_usage("swish is called silu here");
  return enum_names(Activation{}).parse(name);
}
Loss parse_loss(std::string_view name) { return enum_names(Loss{}).parse(name); }

bool are_quantiles(std::span<const double> values) {
  return !values.empty() && std::ssize(values) <= most_quantiles &&
         std::ranges::all_of(values, [](double value) { return value > 0 && value < 1; }) &&
         std::is_sorted(values.begin(), values.end(), std::less_equal<>());
}

LossChoice parse_loss_choice(std::string_view text) {
  const auto colon = text.find(':');
  LossChoice choice{parse_loss(text.substr(0, colon)), {}};
  if (choice.loss != Loss::pinball) {
    if (colon != std::string_view::npos) fail_usage("{} takes no list", text.substr(0, colon));
    return choice;
  }
  if (colon != std::string_view::npos) {
    for (const std::string& word : split(text.substr(colon + 1), ','))
      choice.quantiles.push_back(parse_number(word));
  }
  std::sort(choice.quantiles.begin(), choice.quantiles.end());
  if (!are_quantiles(choice.quantiles))
    fail_usage("pinball is of quantiles between 0 and 1, each once and {} at most, as in pinball:0.1,0.5,0.9",
               most_quantiles);
  return choice;
}

std::string to_string(const LossChoice& choice) {
  const std::string name(name_of(choice.loss));
  return choice.quantiles.empty() ? name : fmt::format("{}:{}", name, fmt::join(choice.quantiles, ","));
}

bool ends_with_activation(const Network& network) {
  return !network.layers.empty() && network.layers.back().activation != Activation::linear;
}

void check_last_layer(const Network& network, Loss loss) {
  if (!network.layers.empty() && network.layers.back().kind == LayerKind::dropout && !is_classification(loss))
    fail_usage("dropout behind the last layer leaves out answers: write it in front of that");
  if (!is_classification(loss) && loss != Loss::gaussian) return;
  Network right = network;
  std::string wrong;
  while (!right.layers.empty() && changes_logits(right.layers.back())) {
    Layer& layer = right.layers.back();
    const bool dense = layer.kind == LayerKind::dense;
    wrong = dense || layer.kind == LayerKind::activation ? name_of(layer.activation) : name_of(layer.kind);
    if (!dense) {
      right.layers.pop_back();
      continue;
    }
    layer.activation = Activation::linear;
    layer.slope.reset();
  }
  if (wrong.empty()) return;
  if (!right.layers.empty() && right.layers.back().kind == LayerKind::dense) right.layers.back().units = 0;
  throw make_error(
      ErrorKind::usage,
      "{} behind the last layer: the loss makes {} of what that layer gives, and nothing may come between",
      wrong, loss == Loss::gaussian ? "a mean and a variance" : "probabilities")
      .advise("; write --net '{}'", to_string(right));
}

void finish_layers(Network& network) {
  if (network.layers.size() > most_layers) fail_usage("more than {} layers", most_layers);
  if (network.layers.empty()) fail_usage("there is no layer");
  const Layer* last = last_dense(network.layers);
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
  network.width = outputs;
  Layer* last = last_dense(network.layers);
  if (last == nullptr) return;
  if (last->units == 0) last->units = outputs;
  if (last->units != outputs && keeps_width(network.layers, last)) {
    fail_usage("the last layer has {} units, but the data asks for {}; write it without a number",
               last->units, outputs);
  }
}

}  // namespace nn
