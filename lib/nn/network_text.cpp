// Networks as text: parse_network() and to_string(). What stands inside a layer is its descriptor's.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"
#include "nn/finish_layers.hpp"
#include "nn/layer_type.hpp"

namespace nn {
namespace {

constexpr std::size_t deepest_nesting = 16;

Layer parse_layer(std::string_view text) {
  Words words(text);
  if (words.empty()) fail_usage("there is no layer");
  Layer layer;
  layer.kind = parse_layer_kind(words.take("a layer"));
  type_of(layer.kind).parse(words, layer);
  words.expect_end();
  return layer;
}

// LIST: LAYER {"," LAYER}. LAYER: words, or "residual(" LIST [";" LIST] ")".
class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  std::vector<Layer> run() {
    list(0);
    if (!rest_.empty()) fail_usage("'{}' without a residual( before it", rest_.front());
    return std::move(layers_);
  }

 private:
  void list(std::size_t depth) {
    do {
      layer(depth);
    } while (take(','));
  }

  void layer(std::size_t depth) {
    const std::string_view text =
        trim_all(rest_.substr(0, std::min(rest_.find_first_of(",();"), rest_.size())));
    const int number = ++count_;
    rest_.remove_prefix(std::min(rest_.find_first_of(",();"), rest_.size()));
    try {
      if (text == "residual" && take('(')) {
        residual(depth + 1);
      } else {
        layers_.push_back(parse_layer(text));
        if (!rest_.empty() && rest_.front() == '(') fail_usage("only residual takes layers in parentheses");
      }
    } catch (const Error& error) {
      if (nested_) throw;
      nested_ = true;
      throw error.within(fmt::format("layer {} ('{}')", number, printable(text)));
    }
  }

  void residual(std::size_t depth) {
    if (depth > deepest_nesting) fail_usage("more than {} blocks inside each other", deepest_nesting);
    mark(LayerKind::residual);
    list(depth);
    if (take(';')) {
      mark(LayerKind::shortcut);
      list(depth);
    }
    if (!take(')')) fail_usage("its ')' is missing");
    if (!rest_.empty() && std::string_view(",;)").find(rest_.front()) == std::string_view::npos)
      fail_usage("a comma is missing behind its ')'");
    mark(LayerKind::add);
  }

  void mark(LayerKind kind) {
    Layer layer;
    layer.kind = kind;
    layers_.push_back(layer);
  }

  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    const auto next = std::min(rest_.find_first_not_of(blanks), rest_.size());
    if (c == ')') rest_.remove_prefix(next);
    return true;
  }

  static std::string_view trim_all(std::string_view text) {
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
  }

  std::string_view rest_;
  std::vector<Layer> layers_;
  int count_ = 0;
  bool nested_ = false;  // the error already names its layer
};

}  // namespace

Network parse_network(std::string_view text) {
  Network network;
  network.layers = Parser(text).run();
  finish_layers(network);
  return network;
}

Network network_from_widths(std::string_view widths, Activation activation) {
  Network network;
  for (const std::string& word : split(widths, ',')) {
    Layer layer;
    layer.units = parse_count(trim(word), 1, most_units);
    layer.activation = activation;
    network.layers.push_back(layer);
  }
  network.layers.emplace_back();
  finish_layers(network);
  return network;
}

std::string to_string(const Network& network) {
  std::string out;
  bool first = true;  // of a list
  for (const Layer& layer : network.layers) {
    if (layer.kind == LayerKind::add || layer.kind == LayerKind::shortcut) {
      out += layer.kind == LayerKind::add ? ")" : "; ";
      first = layer.kind == LayerKind::shortcut;
      continue;
    }
    if (!first) out += ", ";
    first = layer.kind == LayerKind::residual;
    out += name_of(layer.kind);
    out += first ? "(" : type_of(layer.kind).print(layer);
  }
  return out;
}

}  // namespace nn
