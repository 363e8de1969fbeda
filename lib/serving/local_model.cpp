#include "serving/local_model.hpp"

#include <utility>

namespace nn::serving {
namespace {

DType type_of(model::InputColumn::Kind kind) {
  switch (kind) {
    case model::InputColumn::Kind::number: return DType::f64;
    case model::InputColumn::Kind::category: return DType::category;
    case model::InputColumn::Kind::tensor: break;
  }
  return DType::f32;
}

std::shared_ptr<const Schema> table_of(std::span<const model::InputColumn> columns) {
  auto table = std::make_shared<Schema>();
  for (const model::InputColumn& column : columns) {
    const bool nullable = column.kind != model::InputColumn::Kind::tensor;
    table->fields.push_back({column.name, type_of(column.kind), column.shape, nullable, {}, {}});
  }
  return table;
}

}  // namespace

LocalModel::LocalModel(std::string name, std::uint64_t version, const std::string& path,
                       const backend::Device& device, backend::Precision precision, Batcher* batcher)
    : LocalServable(std::move(name), version, batcher),
      predictor_(path, device, precision),
      inputs_(table_of(predictor_.columns())),
      outputs_(predict::PredictionBuilder(predictor_.kind(), *inputs_, false, {}).schema()) {}

void LocalModel::warm_up(std::int64_t rows) {
  predictor_.warm_up(rows);
  const auto start = Clock::machine().now();
  predictor_.warm_up(rows);
  note_cost(rows, Clock::machine().now() - start);
}

}  // namespace nn::serving
