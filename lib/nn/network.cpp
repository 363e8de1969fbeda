#include "nn/network.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

#include "base/error.hpp"
#include "base/parse.hpp"

namespace nn {
namespace {

constexpr std::array<std::string_view, 9> activation_names = {
    "linear", "relu", "leaky_relu", "elu", "selu", "gelu", "tanh", "sigmoid", "softplus"};
constexpr std::array<std::string_view, 4> kind_names = {"dense", "activation", "dropout", "flatten"};
constexpr std::array<std::string_view, 5> loss_names = {"categorical_crossentropy", "binary_crossentropy",
                                                        "mse", "mae", "huber"};
constexpr std::int64_t most_units = std::int64_t{1} << 20;
constexpr std::size_t most_layers = 1000;

template <typename Enum, std::size_t N>
std::optional<Enum> find_name(const std::array<std::string_view, N>& names, std::string_view word) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == word) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

template <std::size_t N>
std::string advice(const std::array<std::string_view, N>& names, std::string_view word) {
  const auto meant = closest(word, {names.begin(), names.end()});
  return meant ? fmt::format("did you mean {}?", *meant)
               : fmt::format("there are {}", fmt::join(names, ", "));
}

template <typename Enum, std::size_t N>
Enum parse_name(const std::array<std::string_view, N>& names, std::string_view word, std::string_view what) {
  if (const auto found = find_name<Enum>(names, word)) return *found;
  fail_usage("'{}' is not {}; {}", printable(word), what, advice(names, word));
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (;;) {
    const auto first = text.find_first_not_of(" \t\n");
    if (first == std::string_view::npos) return words;
    text.remove_prefix(first);
    const auto length = std::min(text.find_first_of(" \t\n"), text.size());
    words.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
}

std::int64_t parse_units(std::string_view word) {
  const std::int64_t units = parse_integer(word);
  if (units < 1 || units > most_units) fail_usage("{} units; from 1 to {} are possible", units, most_units);
  return units;
}

bool is_a_number(std::string_view word) {
  return word.find_first_not_of("+-.0123456789e") == std::string_view::npos;
}

Layer parse_dense(const std::vector<std::string_view>& words) {
  Layer layer;
  std::size_t next = 1;
  if (next < words.size() && is_a_number(words[next])) layer.units = parse_units(words[next++]);
  if (next < words.size()) layer.activation = parse_activation(words[next++]);
  if (next < words.size()) fail_usage("'{}' is not expected after the activation", printable(words[next]));
  return layer;
}

Layer parse_layer(std::string_view text) {
  const auto words = words_of(text);
  if (words.empty()) fail_usage("nothing between two commas");
  Layer layer;
  layer.kind = parse_name<LayerKind>(kind_names, words[0], "a layer");
  switch (layer.kind) {
    case LayerKind::dense: return parse_dense(words);
    case LayerKind::activation:
      if (words.size() != 2) fail_usage("write 'activation NAME'");
      layer.activation = parse_activation(words[1]);
      break;
    case LayerKind::dropout:
      if (words.size() != 2) fail_usage("write 'dropout RATE'");
      layer.rate = parse_number(words[1]);
      if (layer.rate < 0 || layer.rate >= 1) fail_usage("rate {}; it is at least 0 and below 1", words[1]);
      break;
    case LayerKind::flatten:
      if (words.size() != 1) fail_usage("'{}' is not expected after flatten", printable(words[1]));
      break;
  }
  return layer;
}

// "dense_0": the kind and how many of it there were before.
void name_layers(Network& network) {
  std::array<int, kind_names.size()> counts{};
  for (Layer& layer : network.layers) {
    layer.name = fmt::format("{}_{}", name_of(layer.kind), counts[static_cast<std::size_t>(layer.kind)]++);
  }
}

const Layer* last_dense(const Network& network) {
  for (auto layer = network.layers.rbegin(); layer != network.layers.rend(); ++layer) {
    if (layer->kind == LayerKind::dense) return &*layer;
  }
  return nullptr;
}

// Rules that hold whatever the data is.
void check_network(const Network& network) {
  if (network.layers.size() > most_layers) fail_usage("more than {} layers", most_layers);
  const Layer* last = last_dense(network);
  if (last == nullptr) fail_usage("there is no dense layer");
  for (std::size_t i = 0; i < network.layers.size(); ++i) {
    const Layer& layer = network.layers[i];
    if (layer.kind == LayerKind::dense && layer.units == 0 && &layer != last) {
      fail_usage("layer {}: only the last dense layer may be without a number of units", i + 1);
    }
  }
}

}  // namespace

std::string_view name_of(Activation activation) {
  return activation_names[static_cast<std::size_t>(activation)];
}
std::string_view name_of(LayerKind kind) { return kind_names[static_cast<std::size_t>(kind)]; }
std::string_view name_of(Loss loss) { return loss_names[static_cast<std::size_t>(loss)]; }

Activation parse_activation(std::string_view name) {
  return parse_name<Activation>(activation_names, name, "an activation");
}
Loss parse_loss(std::string_view name) { return parse_name<Loss>(loss_names, name, "a loss"); }

std::int64_t Network::outputs() const {
  const Layer* last = last_dense(*this);
  return last == nullptr ? 0 : last->units;
}

Network parse_network(std::string_view text) {
  Network network;
  const auto parts = split(text, ',');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    try {
      network.layers.push_back(parse_layer(parts[i]));
    } catch (const Error& error) {
      throw error.within(fmt::format("layer {} ('{}')", i + 1, printable(trim(parts[i]))));
    }
  }
  check_network(network);
  name_layers(network);
  return network;
}

Network network_from_widths(std::string_view widths, Activation activation) {
  Network network;
  for (const std::string& word : split(widths, ',')) {
    network.layers.push_back({LayerKind::dense, parse_units(trim(word)), activation, 0, {}});
  }
  network.layers.push_back({LayerKind::dense, 0, Activation::linear, 0, {}});
  name_layers(network);
  return network;
}

std::string to_string(const Network& network) {
  std::string out;
  for (const Layer& layer : network.layers) {
    if (!out.empty()) out += ", ";
    out += name_of(layer.kind);
    switch (layer.kind) {
      case LayerKind::dense:
        if (layer.units > 0) out += fmt::format(" {}", layer.units);
        if (layer.activation != Activation::linear) out += fmt::format(" {}", name_of(layer.activation));
        break;
      case LayerKind::activation: out += fmt::format(" {}", name_of(layer.activation)); break;
      case LayerKind::dropout: out += fmt::format(" {}", layer.rate); break;
      case LayerKind::flatten: break;
    }
  }
  return out;
}

void resolve(Network& network, Shape input, std::int64_t outputs) {
  check_network(network);
  network.input = std::move(input);
  for (auto layer = network.layers.rbegin(); layer != network.layers.rend(); ++layer) {
    if (layer->kind != LayerKind::dense) continue;
    if (layer->units != 0 && layer->units != outputs) {
      fail_usage("the last layer has {} units, but the data asks for {}; write it without a number",
                 layer->units, outputs);
    }
    layer->units = outputs;
    break;
  }
  name_layers(network);
}

}  // namespace nn
