#include "nn/layer_type.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/ascii.hpp"
#include "base/enum_names.hpp"
#include "base/error.hpp"

namespace nn {

const LayerType& type_of(LayerKind kind) {
  static constexpr auto types =
      table_of<LayerKind>([](auto constant) { return &layer_type<decltype(constant)::value>; });
  return types.at(static_cast<std::size_t>(kind))();
}

namespace {

// Layers of other libraries, without '_' and in small letters, that none of ours stands for: a misspelling is
// not what such a word is.
struct Foreign {
  std::string_view word, what;
};
constexpr Foreign foreign_layers[] = {{"lstm", "recurrent layers"},
                                      {"gru", "recurrent layers"},
                                      {"rnn", "recurrent layers"},
                                      {"simplernn", "recurrent layers"},
                                      {"bidirectional", "recurrent layers"},
                                      {"attention", "layers of attention"},
                                      {"multiheadattention", "layers of attention"},
                                      {"transformer", "layers of attention"},
                                      {"conv1d", "convolutions of one dimension"},
                                      {"maxpool1d", "pools of one dimension"},
                                      {"conv3d", "convolutions of three dimensions"},
                                      {"conv2dtranspose", "transposed convolutions"},
                                      {"depthwiseconv2d", "convolutions of single channels"},
                                      {"separableconv2d", "convolutions of single channels"}};

std::string_view foreign_layer(std::string_view word) {
  std::string plain;
  for (const char c : word) {
    if (c != '_') plain += to_lower(c);
  }
  const auto* found = std::ranges::find(foreign_layers, plain, &Foreign::word);
  return found == std::end(foreign_layers) ? std::string_view() : found->what;
}

}  // namespace

LayerKind parse_layer_kind(std::string_view word) {
  std::vector<std::string_view> words;
  for (std::size_t i = 0; i < count_of<LayerKind>; ++i) {
    const auto kind = static_cast<LayerKind>(i);
    if (type_of(kind).word == word) return kind;
    if (!is_mark(kind)) words.push_back(type_of(kind).word);
  }
  if (const std::string_view what = foreign_layer(word); !what.empty())
    fail_usage("'{}': there are no {} here; there are {}", word, what, fmt::join(words, ", "));
  fail_unknown_name(word, "a layer", words);
}

std::string_view name_of(LayerKind kind) { return type_of(kind).word; }

OptionValues option_values(const Layer& layer) { return type_of(layer.kind).describe(layer); }

}  // namespace nn
