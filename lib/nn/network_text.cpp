// Networks as text: parse_network() and to_string().
#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/parse.hpp"
#include "nn/names.hpp"
#include "nn/network.hpp"

namespace nn {
namespace {

constexpr std::int64_t most_units = std::int64_t{1} << 20;
constexpr std::int64_t largest_window = 1024;
constexpr std::size_t deepest_nesting = 16;
constexpr std::string_view blanks = " \t\n";

// The words of one layer, taken one after the other.
class Words {
 public:
  explicit Words(std::string_view text) {
    for (;;) {
      const auto first = text.find_first_not_of(blanks);
      if (first == std::string_view::npos) return;
      text.remove_prefix(first);
      const auto length = std::min(text.find_first_of(blanks), text.size());
      words_.push_back(text.substr(0, length));
      text.remove_prefix(length);
    }
  }

  bool empty() const { return next_ == words_.size(); }
  std::string_view peek() const { return words_[next_]; }
  std::string_view take(std::string_view expected) {
    if (empty()) fail_usage("{} is missing", expected);
    return words_[next_++];
  }
  bool take_if(std::string_view word) {
    if (empty() || peek() != word) return false;
    ++next_;
    return true;
  }
  bool number_follows() const {
    return !empty() && peek().find_first_not_of("+-.0123456789e") == std::string_view::npos;
  }
  void expect_end() const {
    if (!empty()) fail_usage("'{}' is not expected after '{}'", printable(peek()), words_[next_ - 1]);
  }

 private:
  std::vector<std::string_view> words_;
  std::size_t next_ = 0;
};

std::int64_t parse_count(std::string_view word, std::string_view what, std::int64_t most) {
  const std::int64_t count = parse_integer(word);
  if (count < 1 || count > most) fail_usage("{} {}; from 1 to {} are possible", count, what, most);
  return count;
}

std::int64_t parse_units(std::string_view word) { return parse_count(word, "units", most_units); }

// "3" or "3x5".
Size parse_size(std::string_view word) {
  const auto cross = word.find('x');
  const auto side = [](std::string_view text) { return parse_count(text, "pixels", largest_window); };
  if (cross == std::string_view::npos) return {side(word), side(word)};
  return {side(word.substr(0, cross)), side(word.substr(cross + 1))};
}

double parse_within(std::string_view word, std::string_view what, double above, double below) {
  const double value = parse_number(word);
  if (!(value > above && value < below)) {
    fail_usage("{} {}; it is above {} and below {}", what, word, above, below);
  }
  return value;
}

// What all windows have: strides and padding. False where the next word is neither.
bool parse_window_option(Words& words, Layer& layer) {
  if (words.take_if("same")) return layer.same = true;
  if (words.take_if("valid")) return !(layer.same = false);
  if (!words.take_if("strides")) return false;
  layer.strides = parse_size(words.take("the size of the strides"));
  return true;
}

void parse_dense(Words& words, Layer& layer) {
  if (words.number_follows()) layer.units = parse_units(words.take("units"));
  if (!words.empty()) layer.activation = parse_activation(words.take("an activation"));
}

void parse_conv2d(Words& words, Layer& layer) {
  layer.units = parse_count(words.take("the number of filters"), "filters", most_units);
  layer.kernel = parse_size(words.take("the size of the kernel, such as 3x3,"));
  while (!words.empty()) {
    if (parse_window_option(words, layer)) continue;
    if (words.take_if("groups")) {
      layer.groups = parse_count(words.take("the number of groups"), "groups", most_units);
      if (layer.units % layer.groups != 0)
        fail_usage("{} filters are no multiple of {} groups", layer.units, layer.groups);
      continue;
    }
    layer.activation = parse_activation(words.take("an activation"));
    return;
  }
}

void parse_pool(Words& words, Layer& layer) {
  layer.kernel = parse_size(words.take("the size of the window, such as 2,"));
  layer.strides = layer.kernel;
  while (!words.empty() && parse_window_option(words, layer)) {
  }
}

void parse_norm(Words& words, Layer& layer) {
  while (!words.empty()) {
    if (layer.kind == LayerKind::batch_norm && words.take_if("momentum")) {
      layer.momentum = parse_within(words.take("the momentum"), "momentum", 0, 1);
    } else if (words.take_if("epsilon")) {
      layer.epsilon = parse_within(words.take("epsilon"), "epsilon", 0, 1);
    } else {
      return;
    }
  }
}

void parse_dropout(Words& words, Layer& layer) {
  const std::string_view word = words.take("the rate");
  layer.rate = parse_number(word);
  if (!(layer.rate >= 0 && layer.rate < 1)) fail_usage("rate {}; it is at least 0 and below 1", word);
}

Layer parse_layer(std::string_view text) {
  Words words(text);
  if (words.empty()) fail_usage("there is no layer");
  Layer layer;
  layer.kind = parse_name<LayerKind>(layer_names, words.take("a layer"), "a layer");
  switch (layer.kind) {
    case LayerKind::dense: parse_dense(words, layer); break;
    case LayerKind::activation: layer.activation = parse_activation(words.take("an activation")); break;
    case LayerKind::dropout: parse_dropout(words, layer); break;
    case LayerKind::conv2d: parse_conv2d(words, layer); break;
    case LayerKind::max_pool2d:
    case LayerKind::average_pool2d: parse_pool(words, layer); break;
    case LayerKind::batch_norm:
    case LayerKind::layer_norm: parse_norm(words, layer); break;
    case LayerKind::embedding: layer.units = parse_units(words.take("the number of units")); break;
    case LayerKind::flatten:
    case LayerKind::global_average_pool2d: break;
    case LayerKind::residual: fail_usage("write 'residual(LAYERS)' or 'residual(LAYERS; SHORTCUT)'");
    case LayerKind::shortcut:
    case LayerKind::add: fail_usage("'{}' is no layer by itself; see residual", name_of(layer.kind));
  }
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
    const std::string_view text = trim_all(rest_.substr(0, std::min(rest_.find_first_of(",();"), rest_.size())));
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

std::string to_string(Size size) {
  return size.height == size.width ? fmt::format("{}", size.height)
                                   : fmt::format("{}x{}", size.height, size.width);
}

std::string activation_word(const Layer& layer) {
  return layer.activation == Activation::linear ? "" : fmt::format(" {}", name_of(layer.activation));
}

std::string window_words(const Layer& layer, Size usual_strides) {
  std::string out;
  if (layer.strides != usual_strides) out += " strides " + to_string(layer.strides);
  if (layer.same) out += " same";
  return out;
}

// What stands behind the layer's name.
std::string words_of(const Layer& layer) {
  const Layer usual;
  switch (layer.kind) {
    case LayerKind::dense:
      return (layer.units > 0 ? fmt::format(" {}", layer.units) : "") + activation_word(layer);
    case LayerKind::activation: return fmt::format(" {}", name_of(layer.activation));
    case LayerKind::dropout: return fmt::format(" {}", layer.rate);
    case LayerKind::conv2d:
      return fmt::format(" {} {}x{}{}{}{}", layer.units, layer.kernel.height, layer.kernel.width,
                         window_words(layer, {1, 1}),
                         layer.groups > 1 ? fmt::format(" groups {}", layer.groups) : "",
                         activation_word(layer));
    case LayerKind::max_pool2d:
    case LayerKind::average_pool2d:
      return " " + to_string(layer.kernel) + window_words(layer, layer.kernel);
    case LayerKind::batch_norm:
    case LayerKind::layer_norm:
      return (layer.momentum != usual.momentum ? fmt::format(" momentum {}", layer.momentum) : "") +
             (layer.epsilon != usual.epsilon ? fmt::format(" epsilon {}", layer.epsilon) : "");
    case LayerKind::embedding: return fmt::format(" {}", layer.units);
    default: return "";
  }
}

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
    layer.units = parse_units(trim(word));
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
    out += first ? "(" : words_of(layer);
  }
  return out;
}

}  // namespace nn
