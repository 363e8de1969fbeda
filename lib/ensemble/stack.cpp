#include "ensemble/stack.hpp"

#include <cstring>

namespace nn::ensemble {

std::shared_ptr<const Schema> feature_schema(std::int64_t features) {
  auto schema = std::make_shared<Schema>();
  schema->fields.push_back({"x", DType::f32, {features}, false, {}, {}});
  return schema;
}

Buffer side_by_side(std::int64_t rows, std::int64_t width, std::span<const float* const> outputs) {
  const auto count = static_cast<std::size_t>(width);
  Buffer x(static_cast<std::size_t>(rows) * count * outputs.size() * sizeof(float));
  float* to = x.as<float>();
  for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
    for (const float* output : outputs) {
      std::memcpy(to, output + row * count, count * sizeof(float));
      to += count;
    }
  }
  return x;
}

Stack::Stack(const std::string& model, const backend::Device& device, std::int64_t features)
    : features_(features), schema_(feature_schema(features)), predictor_(model, device, *schema_) {}

void Stack::predict(std::int64_t first_row, std::int64_t rows, std::span<const float* const> outputs,
                    float* out) {
  const std::int64_t width = features_ / static_cast<std::int64_t>(outputs.size());
  const Batch batch{schema_, first_row, rows, {make_column(side_by_side(rows, width, outputs))}};
  predictor_.predict(batch, out);
}

}  // namespace nn::ensemble
