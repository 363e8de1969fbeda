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

// LIST: LAYER {"," LAYER}. LAYER: words, or "residual(" LIST [";" LIST] ")", or "concat(" [LIST] ";" [LIST]
// {";" [LIST]} ")".
class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  std::vector<Layer> run() {
    list(0);
    if (!rest_.empty()) fail_usage("'{}' without a residual( or concat( before it", rest_.front());
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
      } else if (text == "concat" && take('(')) {
        concat(depth + 1);
      } else {
        layers_.push_back(parse_layer(text));
        if (!rest_.empty() && rest_.front() == '(')
          fail_usage("only residual and concat take layers in parentheses");
      }
    } catch (const Error& error) {
      if (nested_) throw;
      nested_ = true;
      throw error.within(fmt::format("layer {} ('{}')", number, printable(text)));
    }
  }

  void residual(std::size_t depth) {
    begin(LayerKind::residual, depth);
    list(depth);
    if (take(';')) {
      mark(LayerKind::shortcut);
      list(depth);
    }
    end(LayerKind::add);
  }

  void concat(std::size_t depth) {
    begin(LayerKind::concat, depth);
    int branches = 1;
    for (branch(depth); take(';'); branch(depth), ++branches) mark(LayerKind::branch);
    end(LayerKind::join);
    if (branches == 1)
      fail_usage(
          "it has one branch; write 'concat(LAYERS; LAYERS)', or one that is empty for the input itself");
  }

  void branch(std::size_t depth) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(blanks), rest_.size()));
    const bool empty = rest_.empty() || rest_.front() == ';' || rest_.front() == ')';
    if (!empty) list(depth);
  }

  void begin(LayerKind kind, std::size_t depth) {
    if (depth > deepest_nesting) fail_usage("more than {} blocks inside each other", deepest_nesting);
    mark(kind);
  }

  void end(LayerKind kind) {
    if (!take(')')) fail_usage("its ')' is missing");
    if (!rest_.empty() && std::string_view(",;)").find(rest_.front()) == std::string_view::npos)
      fail_usage("a comma is missing behind its ')'");
    mark(kind);
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
    if (is_mark(layer.kind)) {
      first = layer.kind == LayerKind::shortcut || layer.kind == LayerKind::branch;
      out += first ? "; " : ")";
      continue;
    }
    if (!first) out += ", ";
    first = layer.kind == LayerKind::residual || layer.kind == LayerKind::concat;
    out += name_of(layer.kind);
    out += first ? "(" : type_of(layer.kind).print(layer);
  }
  return out;
}

}  // namespace nn
