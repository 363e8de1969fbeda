#include "evaluate/importance.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "base/error.hpp"
#include "base/json_lines.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "evaluate/number_metrics.hpp"
#include "predict/argmax.hpp"
#include "table/rows.hpp"
#include "tensor/column_roles.hpp"
#include "tensor/name_list.hpp"
#include "tensor/row_weights.hpp"

namespace nn::evaluate {
namespace {

constexpr std::int64_t rows_at_once = 4096;

// The rows that have y, as one batch.
Batch labelled_rows(BatchSource& source) {
  const auto y = source.schema()->find(target_column);
  if (!y)
    throw data_error("no column y to compare answers with").advise("; name it with --label or --target");
  std::vector<Batch> batches;
  while (auto batch = source.next()) batches.push_back(std::move(*batch));
  std::vector<const Batch*> all;
  std::vector<table::RowPlace> places;
  for (std::uint32_t b = 0; b < batches.size(); ++b) {
    all.push_back(&batches[b]);
    for (std::uint32_t r = 0; r < batches[b].rows; ++r) {
      if (batches[b].columns[*y].valid(r)) places.push_back({b, r});
    }
  }
  if (places.empty()) fail_data("no row has y");
  return table::gather_rows(all, places, 0);
}

// What answers are compared with.
class Score {
 public:
  Score(const model::Target& target, const Batch& rows)
      : classes_(target.kind == model::Target::Kind::classes) {
    append_row_weights(rows, weights_);
    if (weights_.empty()) weights_.assign(static_cast<std::size_t>(rows.rows), 1);
    total_ = std::accumulate(weights_.begin(), weights_.end(), 0.0);
    if (!(total_ > 0)) fail_data("all rows have the weight 0");
    if (classes_) {
      labels_.resize(weights_.size());
      model::encode_labels(target, rows, labels_.data(), true);
      return;
    }
    const std::size_t at = *rows.schema->find(target_column);
    const Field& field = rows.schema->fields[at];
    if (!is_number(field.type) || field.shape != target.shape)
      fail_data("column y doesn't hold numbers as the model predicts them");
    width_ = static_cast<std::size_t>(target.width());
    each_ = static_cast<std::size_t>(target.answers.each());
    point_ = target.answers.point();
    for (std::size_t i = 0; i < weights_.size() * width_; ++i)
      values_.push_back(number_at(field.type, rows.columns[at].data, static_cast<std::int64_t>(i)));
  }

  const char* name() const { return classes_ ? "accuracy" : "r2"; }

  // Of outputs [rows, width].
  double of(const std::vector<float>& outputs, std::int64_t width) const {
    return classes_ ? accuracy(outputs, width) : r2(outputs);
  }

 private:
  double accuracy(const std::vector<float>& outputs, std::int64_t width) const {
    double right = 0;
    for (std::size_t row = 0; row < labels_.size(); ++row) {
      const float* p = outputs.data() + row * static_cast<std::size_t>(width);
      if (predict::argmax_row(p, width) == labels_[row]) right += weights_[row];
    }
    return right / total_;
  }

  // As nn-eval has it.
  double r2(const std::vector<float>& outputs) const {
    NumberMetrics metrics(static_cast<std::int64_t>(width_));
    std::vector<double> predictions(weights_.size() * width_);
    for (std::size_t i = 0; i < predictions.size(); ++i) predictions[i] = outputs[i * each_ + point_];
    for (std::size_t row = 0; row < weights_.size(); ++row)
      metrics.add(predictions.data() + row * width_, values_.data() + row * width_, weights_[row]);
    return metrics.report().r2.value_or(std::numeric_limits<double>::quiet_NaN());
  }

  bool classes_;
  std::vector<double> weights_, values_;
  double total_ = 0;
  std::size_t width_ = 0, each_ = 1, point_ = 0;  // values a row, answers to each, which of these counts
  std::vector<std::int32_t> labels_;
};

// A column whose values, or one of whose elements, stand in other rows.
Column permuted(const Field& field, const Column& column, std::int64_t element,
                std::span<const std::int64_t> order) {
  if (element < 0) return take(field, column, order);
  std::vector<std::int64_t> same(order.size());
  std::iota(same.begin(), same.end(), std::int64_t{0});
  Column out = take(field, column, same);
  const auto width = static_cast<std::size_t>(element_count(field.shape)), size = size_of(field.type);
  auto* to = const_cast<std::byte*>(out.data);  // its memory is its own
  for (std::size_t row = 0; row < order.size(); ++row) {
    const std::size_t from = static_cast<std::size_t>(order[row]) * width + static_cast<std::size_t>(element);
    std::memcpy(to + (row * width + static_cast<std::size_t>(element)) * size, column.data + from * size,
                size);
  }
  return out;
}

std::vector<float> outputs_of(predict::Predictor& model, const model::BoundEncoder& bound,
                              const Batch& rows) {
  const std::int64_t width = model.kind().width();
  std::vector<float> outputs(static_cast<std::size_t>(rows.rows * width));
  for (std::int64_t first = 0; first < rows.rows; first += rows_at_once) {
    const Batch some = slice(rows, first, std::min(rows_at_once, rows.rows - first));
    const predict::PredictorInput input{&bound, &some};
    model.predict({&input, 1}, outputs.data() + first * width);
  }
  return outputs;
}

// The table's columns that the model takes.
bool is_wanted(const predict::Predictor& model, const Schema& schema, std::size_t at) {
  const Field& field = schema.fields[at];
  if (has_role(field.name) || field.type == DType::opaque) return false;
  const auto& columns = model.columns();
  const bool only_tensor = columns.size() == 1 && columns[0].kind == model::InputColumn::Kind::tensor;
  return only_tensor ? !field.shape.empty()
                     : !field.shape.empty() ||
                           std::ranges::find(columns, field.name, &model::InputColumn::name) != columns.end();
}

}  // namespace

Importance importance_of(predict::Predictor& model, BatchSource& source, std::int64_t repeats,
                         std::uint64_t seed) {
  const model::BoundEncoder bound = model.bind(*source.schema());
  const Batch rows = labelled_rows(source);
  const Score score(model.target(), rows);
  const std::int64_t width = model.kind().width();
  Importance importance;
  importance.score = score.name();
  importance.rows = rows.rows;
  importance.repeats = repeats;
  importance.value = score.of(outputs_of(model, bound, rows), width);
  std::uint64_t number = 0;
  for (std::size_t c = 0; c < rows.columns.size(); ++c) {
    if (!is_wanted(model, *rows.schema, c)) continue;
    const Field& field = rows.schema->fields[c];
    const bool vector = field.shape.size() == 1;
    const std::vector<std::string> names = element_names(field);
    for (std::int64_t e = vector ? 0 : -1; e < (vector ? field.shape[0] : 0); ++e) {
      ColumnImportance& column = importance.columns.emplace_back();
      column.column = e < 0            ? field.name
                      : !names.empty() ? names[static_cast<std::size_t>(e)]
                                       : fmt::format("{}[{}]", field.name, e);
      std::vector<double> falls;
      for (std::int64_t k = 0; k < repeats; ++k) {
        std::vector<std::uint32_t> shuffled(static_cast<std::size_t>(rows.rows));
        RandomStream random(seed, RandomUse::shuffle, number++);
        shuffle_indices(shuffled, random);
        const std::vector<std::int64_t> order(shuffled.begin(), shuffled.end());
        Batch changed = rows;
        changed.columns[c] = permuted(field, rows.columns[c], e, order);
        falls.push_back(importance.value - score.of(outputs_of(model, bound, changed), width));
      }
      for (const double fall : falls) column.mean += fall / static_cast<double>(repeats);
      for (const double fall : falls) column.deviation += std::pow(fall - column.mean, 2);
      column.deviation = std::sqrt(column.deviation / static_cast<double>(repeats));
    }
  }
  std::ranges::stable_sort(importance.columns, std::ranges::greater(), &ColumnImportance::mean);
  return importance;
}

std::string Importance::text() const {
  std::size_t longest = 6;
  for (const ColumnImportance& column : columns)
    longest = std::max(longest, printable(column.column, 40).size());
  std::string out =
      fmt::format("{} {:.4f} of {} rows; how much it falls when a column's values change places, {} times\n",
                  score, value, rows, repeats);
  for (const ColumnImportance& column : columns) {
    out += fmt::format("{:<{}}  {:8.4f} ± {:.4f}\n", printable(column.column, 40), longest, column.mean,
                       column.deviation);
  }
  return out;
}

std::string Importance::json() const {
  std::string list;
  for (const ColumnImportance& column : columns) {
    std::string entry = "{";
    add_json(entry, "column", column.column);
    add_json(entry, "mean", column.mean);
    add_json(entry, "std", column.deviation);
    list += (list.empty() ? "" : ",") + entry + "}";
  }
  std::string out = "{";
  add_json(out, "score", score);
  add_json(out, "value", value);
  add_json(out, "rows", rows);
  add_json(out, "repeats", repeats);
  return out + ",\"importance\":[" + list + "]}\n";
}

}  // namespace nn::evaluate
