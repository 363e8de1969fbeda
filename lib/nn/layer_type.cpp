#include "nn/layer_type.hpp"

#include <vector>

#include "base/enum_names.hpp"

namespace nn {

const LayerType& type_of(LayerKind kind) {
  static constexpr auto types =
      table_of<LayerKind>([](auto constant) { return &layer_type<decltype(constant)::value>; });
  return types.at(static_cast<std::size_t>(kind))();
}

LayerKind parse_layer_kind(std::string_view word) {
  std::vector<std::string_view> words;
  for (std::size_t i = 0; i < count_of<LayerKind>; ++i) {
    const auto kind = static_cast<LayerKind>(i);
    words.push_back(type_of(kind).word);
    if (words.back() == word) return kind;
  }
  fail_unknown_name(word, "a layer", words);
}

std::string_view name_of(LayerKind kind) { return type_of(kind).word; }

OptionValues option_values(const Layer& layer) { return type_of(layer.kind).describe(layer); }

}  // namespace nn
