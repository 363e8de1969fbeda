#include "inference/signature.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/numbers.hpp"

namespace nn::inference {
namespace {

// What a matrix of number columns is called: Encoder::bind() knows it by that name.
constexpr std::string_view matrix_name = "x";

DataType type_of(const Field& field) {
  if (is_text(field.type)) return DataType::bytes;
  return field.shape.empty() ? DataType::fp64 : DataType::fp32;
}

std::vector<TensorSpec> columns_of(const Schema& inputs) {
  std::vector<TensorSpec> columns;
  for (const Field& field : inputs.fields) columns.push_back({field.name, type_of(field), field.shape});
  return columns;
}

std::vector<TensorSpec> outputs_of(const predict::PredictionKind& kind) {
  if (!kind.classes) return {{"value", DataType::fp32, kind.shape}};
  return {{"proba", DataType::fp32, {kind.width()}},
          {"label", kind.integers ? DataType::int64 : DataType::bytes, {}}};
}

std::shared_ptr<const Schema> table_of(const std::vector<TensorSpec>& inputs, DType tensor_type) {
  auto table = std::make_shared<Schema>();
  for (const TensorSpec& input : inputs) {
    Field field{input.name, tensor_type, input.shape, false, {}, {}};
    if (input.shape.empty()) {
      field.type = input.type == DataType::bytes ? DType::utf8 : DType::f64;
      field.nullable = true;
    }
    table->fields.push_back(std::move(field));
  }
  return table;
}

constexpr std::array tensor_types{DType::f32, DType::f64, DType::u8};

}  // namespace

Signature::Signature(const serving::Servable& servable) : kind_(servable.kind()) {
  const std::shared_ptr<const Schema> inputs = servable.inputs();
  const auto& fields = inputs->fields;
  columns_ = columns_of(*inputs);
  outputs_ = outputs_of(kind_);
  for (std::size_t c = 0; c < columns_.size(); ++c) by_name_.push_back(c);
  std::sort(by_name_.begin(), by_name_.end(),
            [&](std::size_t a, std::size_t b) { return columns_[a].name < columns_[b].name; });
  if (kind_.classes && kind_.integers) {
    for (const std::string& name : kind_.names) class_numbers_.push_back(find_integer(name).value_or(0));
  }
  numbers_ = !fields.empty() && std::all_of(fields.begin(), fields.end(), [](const Field& field) {
    return is_number(field.type) && field.shape.empty();
  });
  if (numbers_) {
    matrix_ = {{std::string(matrix_name), DataType::fp32, {static_cast<std::int64_t>(fields.size())}}};
  } else if (fields.size() == 1 && !fields[0].shape.empty()) {
    matrix_ = columns_;
  }
  if (!matrix_.empty()) {
    form_ = Form::matrix;
    matrix_width_ = element_count(matrix_[0].shape);
  }
  for (const auto* form : {&matrix_, &columns_}) {
    for (const DType type : tensor_types) tables_.push_back(table_of(*form, type));
  }
  // Without a tensor its type makes no difference, and one table is enough.
  const bool tensors = std::any_of(columns_.begin(), columns_.end(),
                                   [](const TensorSpec& column) { return !column.shape.empty(); });
  if (!tensors) std::fill(tables_.begin() + tensor_types.size(), tables_.end(), tables_.back());
}

std::optional<std::size_t> Signature::find_column(std::string_view name) const {
  const auto before = [&](std::size_t column, std::string_view what) { return columns_[column].name < what; };
  const auto found = std::lower_bound(by_name_.begin(), by_name_.end(), name, before);
  if (found == by_name_.end() || columns_[*found].name != name) return std::nullopt;
  return *found;
}

bool Signature::accepts(const TensorSpec& input, DataType type) const {
  if (input.type == DataType::bytes || type == DataType::bytes) return input.type == type;
  if (input.shape.empty()) return true;
  return type == input.type || (type == DataType::uint8 && !numbers_);
}

std::size_t Signature::table_number(Form form, DType tensor_type) const {
  const auto type = static_cast<std::size_t>(
      std::find(tensor_types.begin(), tensor_types.end(), tensor_type) - tensor_types.begin());
  if (form == Form::matrix) return type;
  const std::size_t number = tensor_types.size() + type;
  return tables_[number] == tables_.back() ? table_count - 1 : number;
}

}  // namespace nn::inference
