#include "serving/local_model.hpp"

#include <time.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/log.hpp"
#include "base/signals.hpp"
#include "model/values.hpp"
#include "serving/batcher.hpp"

namespace nn::serving {
namespace {

constexpr std::chrono::milliseconds long_run{2};    // one of these is enough to know what it takes
constexpr std::chrono::milliseconds patience{500};  // for all that is measured, beside the largest step
constexpr int short_runs = 5;

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

// What the thread that loads computes with alone, it is charged for: others may interrupt it meanwhile.
std::chrono::nanoseconds now(bool one_thread) {
  timespec time{};
  ::clock_gettime(one_thread ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

LocalModel::LocalModel(std::string name, std::uint64_t version, const std::string& path,
                       const backend::Device& device, backend::Precision precision, Batcher* batcher)
    : LocalModel(std::move(name), version, path, model::load_model(path), device, precision, batcher) {}

LocalModel::LocalModel(std::string name, std::uint64_t version, const std::string& path, model::Model model,
                       const backend::Device& device, backend::Precision precision, Batcher* batcher)
    : LocalServable(std::move(name), version, batcher),
      reading_(model.reading),
      predictor_(path, std::move(model), device, precision),
      one_thread_(device.kind == backend::Device::Kind::cpu && backend::thread_count(device) == 1),
      inputs_(table_of(predictor_.columns())),
      outputs_(predict::PredictionBuilder(predictor_.kind(), *inputs_, false, {}).schema()) {
  set_bytes(predictor_.weight_bytes(), 0);
}

void LocalModel::warm_up(const WarmUp& options) {
  predictor_.warm_up(options.rows);
  if (options.elsewhere) backend::pin_thread(*options.elsewhere);
  Buffer out(static_cast<std::size_t>(options.rows * kind().width()) * sizeof(float));
  const auto run = [&](std::int64_t rows) {
    throw_if_stopped();  // a start ends at once
    const auto start = now(one_thread_);
    predictor_.try_out(rows, out.as<float>());
    const auto time = now(one_thread_) - start;
    const std::span<const float> values(out.as<float>(), static_cast<std::size_t>(rows * kind().width()));
    if (!std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); }))
      set_not_finite();
    return time;
  };
  set_cost(options.rows, run(options.rows));
  const auto start = now(false);
  for (std::int64_t rows = 1; rows < options.rows && now(false) - start < patience; rows *= 2) {
    auto least = run(rows);
    for (int i = 1; i < short_runs && least < long_run; ++i) least = std::min(least, run(rows));
    set_cost(rows, least);
  }
  set_bytes(predictor_.weight_bytes(), predictor_.step_bytes());
  tried_rows_ = options.rows;
}

void LocalModel::compute(std::span<const predict::PredictorInput> inputs, float* out) {
  predictor_.predict(inputs, out);
  model::UnknownCounts* unknown = predictor_.unknown();
  if (unknown == nullptr) return;
  if (const auto first = unknown->take_first(); !first.empty()) tell_unknown(first);
}

// Once for each column of a version, on however many devices. The texts are the clients', and aren't told.
void LocalModel::tell_unknown(const std::vector<std::size_t>& columns) const {
  constexpr std::size_t most_told = 10;
  for (std::size_t i = 0; i < std::min(columns.size(), most_told); ++i) {
    warn("model {}: version {} gets texts that it has not seen in {}: they count as none that it knows",
         name(), this->version(), model::column_name(predictor_.columns()[columns[i]].name));
  }
  if (columns.size() > most_told) {
    warn("model {}: version {} gets such texts in {} more columns", name(), this->version(),
         columns.size() - most_told);
  }
}

LoadReport LocalModel::report() const {
  LoadReport out = LocalServable::report();
  const model::UnknownCounts* unknown = predictor_.unknown();
  if (unknown == nullptr) return out;
  const auto& columns = predictor_.columns();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].kind == model::InputColumn::Kind::category)
      out.unknown.push_back({columns[i].name, unknown->of(i)});
  }
  return out;
}

std::optional<std::chrono::nanoseconds> LocalModel::try_step(std::int64_t rows) {
  if (rows > tried_rows_ || batcher() == nullptr) return std::nullopt;
  Buffer out(static_cast<std::size_t>(rows * kind().width()) * sizeof(float));
  std::chrono::nanoseconds time{};
  batcher()->alone([&] {
    const auto start = now(one_thread_);
    predictor_.try_out(rows, out.as<float>());
    time = now(one_thread_) - start;
  });
  return time;
}

}  // namespace nn::serving
