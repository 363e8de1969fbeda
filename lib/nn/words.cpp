#include "nn/words.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"
#include "nn/network.hpp"

namespace nn {

Words::Words(std::string_view text) {
  for (;;) {
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return;
    text.remove_prefix(first);
    const auto length = std::min(text.find_first_of(blanks), text.size());
    words_.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
}

std::string_view Words::take(std::string_view expected) {
  if (empty()) fail_usage("{} is missing", expected);
  return words_[next_++];
}

bool Words::take_if(std::string_view word) {
  if (empty() || peek() != word) return false;
  ++next_;
  return true;
}

bool Words::number_follows() const {
  return !empty() && peek().find_first_not_of("+-.0123456789e") == std::string_view::npos;
}

void Words::expect_end() const {
  if (!empty()) fail_usage("'{}' is not expected after '{}'", printable(peek()), words_[next_ - 1]);
}

std::int64_t parse_units(std::string_view name, std::string_view word) {
  return parse_count(name, word, 1, most_units);
}

Size parse_size(std::string_view word) {
  constexpr std::int64_t largest_window = 1024;
  const auto cross = word.find('x');
  const auto side = [](std::string_view text) { return parse_count("pixels", text, 1, largest_window); };
  if (cross == std::string_view::npos) return {side(word), side(word)};
  return {side(word.substr(0, cross)), side(word.substr(cross + 1))};
}

Sides parse_sides(std::string_view word) {
  constexpr std::int64_t most = 1 << 20;
  struct Ends {
    std::int64_t before, behind;
  };
  const auto side = [](std::string_view text) { return parse_count("pad", text, 0, most); };
  const auto axis = [&](std::string_view text) -> Ends {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos) return {side(text), side(text)};
    return {side(text.substr(0, colon)), side(text.substr(colon + 1))};
  };
  const auto cross = word.find('x');
  const Ends height = axis(word.substr(0, cross));
  const Ends width = cross == std::string_view::npos ? height : axis(word.substr(cross + 1));
  return {height.before, height.behind, width.before, width.behind};
}

std::string to_string(const Sides& sides) {
  const auto axis = [](std::int64_t before, std::int64_t behind) {
    return before == behind ? fmt::format("{}", before) : fmt::format("{}:{}", before, behind);
  };
  const std::string height = axis(sides.top, sides.bottom), width = axis(sides.left, sides.right);
  return height == width ? height : fmt::format("{}x{}", height, width);
}

std::string to_string(Size size) {
  return size.height == size.width ? fmt::format("{}", size.height)
                                   : fmt::format("{}x{}", size.height, size.width);
}

void parse_activation_words(Words& words, Layer& layer) {
  constexpr Interval slopes{.most = 1000};
  layer.activation = parse_activation(words.take("an activation"));
  const Slope taken = slope_taken(layer.activation);
  if (taken.name.empty() || !words.number_follows()) return;
  const double slope = parse_number_in(taken.name, words.take(taken.name), slopes);
  if (slope != taken.usual) layer.slope = slope;
}

std::string activation_words(const Layer& layer) {
  if (layer.activation == Activation::linear) return {};
  const std::string slope = layer.slope ? fmt::format(" {}", *layer.slope) : "";
  return fmt::format(" {}{}", name_of(layer.activation), slope);
}

void describe_activation(const Layer& layer, OptionValues& values) {
  values.push_back({"activation", name_of(layer.activation)});
  const Slope taken = slope_taken(layer.activation);
  if (!taken.name.empty()) values.push_back({taken.name, slope_of(layer)});
}

void parse_nothing(Words&, Layer&) {}

std::string print_nothing(const Layer&) { return {}; }

}  // namespace nn
