// embedding UNITS
#include <fmt/format.h>

#include "base/error.hpp"
#include "nn/layer_type.hpp"

namespace nn {
namespace {

void parse(Words& words, Layer& layer) {
  layer.units = parse_units("units", words.take("the number of units"));
}

std::string print(const Layer& layer) { return fmt::format(" {}", layer.units); }

void lower(const Layer& layer, Lowering& to) {
  std::int64_t numbers = 0, columns = 0, categories = 0;
  for (const InputSegment& segment : to.segments()) {
    (segment.category ? categories : numbers) += segment.width;
    columns += segment.category;
  }
  if (columns == 0) fail_usage("no column of the table has categories");
  const int table = to.add_parameter(layer, "embeddings", {categories, layer.units});
  to.parameter(table).initializer = Initializer::embedding;
  to.push(OpKind::embedding, {1, 1, numbers + columns * layer.units}).parameters = {table};
}

OptionValues describe(const Layer& layer) { return {{"units", layer.units}}; }

}  // namespace

template <>
const LayerType& layer_type<LayerKind::embedding>() {
  static constexpr LayerType type{.word = "embedding",
                                  .parse = parse,
                                  .print = print,
                                  .lower = lower,
                                  .describe = describe,
                                  .first_because = "embedding looks at the columns of the table"};
  return type;
}

}  // namespace nn
