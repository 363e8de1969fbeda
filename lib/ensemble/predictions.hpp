// Prediction streams: what nn-predict and nn-aggregate write, and what nn-aggregate and
// nn-eval read.
//
// Columns: proba (f32 [classes]) and label for classes, value (f32 scalar or [width])
// for numbers, uncertainty (f32) where asked for; then id and y as they came.
// Schema metadata: nn.classes (JSON array of the class names in the order of proba),
// nn.weight, nn.model (digest), nn.tool, nn.version, nn.rule.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/encoder.hpp"
#include "tensor/batch.hpp"

namespace nn {

// What predictions are about.
struct PredictionKind {
  bool classes = true;
  bool integers = false;            // class names are integers
  std::vector<std::string> names;   // classes
  Shape shape;                      // numbers: of one row
  std::int64_t width() const { return classes ? static_cast<std::int64_t>(names.size()) : element_count(shape); }
};
PredictionKind kind_of(const Target& target);
// From a prediction stream's schema; data error when it isn't one ("no column proba or value").
PredictionKind kind_of(const Schema& schema);

// Builds batches of predictions. One thread.
class PredictionBuilder {
 public:
  // `source` is the schema of the rows that are predicted: its id and y pass through.
  PredictionBuilder(PredictionKind kind, const Schema& source, bool with_uncertainty, Metadata metadata);
  const std::shared_ptr<const Schema>& schema() const { return schema_; }
  // `values` is [rows, width] (taken over); `uncertainty` [rows] or null.
  Batch build(const Batch& source, Buffer values, const float* uncertainty) const;

 private:
  PredictionKind kind_;
  std::shared_ptr<const Schema> schema_;
  std::shared_ptr<const Dictionary> class_names_;
  std::vector<std::int64_t> integer_labels_;
  std::vector<std::size_t> passed_;  // columns of the source
  bool with_uncertainty_;
};

}  // namespace nn
