#include "nn/layer_type.hpp"

namespace nn {

const LayerType& type_of(LayerKind kind) {
  static constexpr auto types =
      table_of<LayerKind>([](auto constant) { return &layer_type<decltype(constant)::value>; });
  return types.at(static_cast<std::size_t>(kind))();
}

std::array<std::string_view, count_of<LayerKind>> layer_words() {
  return table_of<LayerKind>([](auto constant) -> std::string_view { return type_of(constant()).word; });
}

std::string_view name_of(LayerKind kind) { return type_of(kind).word; }

OptionValues option_values(const Layer& layer) { return type_of(layer.kind).describe(layer); }

}  // namespace nn
