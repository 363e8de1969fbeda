// Prediction streams: what nn-predict and nn-aggregate write, and what nn-aggregate and
// nn-eval read.
//
// Columns: label (i64 or category) and proba (f32 [classes]) for classes, value (f32
// scalar or of a shape) for numbers, uncertainty (f32) where asked for; then id and y as
// they came.
// Schema metadata: nn.classes (JSON array of the class names in the order of proba;
// numbers where the classes are integers), nn.weight, nn.model (digests, separated by
// commas), nn.members (JSON array of what people call them), nn.tool, nn.version, nn.rule. Of value:
// nn.element_names, where the numbers have names. nn.answers (see model/answers.hpp), where the values of a
// row are quantiles of one number, or its mean and standard deviation.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/encoder.hpp"
#include "tensor/batch.hpp"

namespace nn::predict {

// The kind of predictions: of which classes, or of how many numbers.
struct PredictionKind {
  bool classes = true;
  bool integers = false;           // class names are integers
  std::vector<std::string> names;  // of the classes, or of the numbers where they have any
  Shape shape;                     // numbers: of one row
  model::Answers answers = {};     // numbers: what these are
  std::int64_t width() const {
    return classes ? static_cast<std::int64_t>(names.size()) : element_count(shape);
  }
  bool operator==(const PredictionKind&) const = default;
};
PredictionKind kind_of(const model::Target& target);
// From a prediction stream's schema; data error when it isn't one ("no column proba or
// value"). A stream without nn.classes has the integers from 0 as classes.
PredictionKind kind_of(const Schema& schema);

// The difference between two members, for a message: "a has 3 classes, b 2", "class 1 is 'cat' in a,
// 'dog' in b". Empty when they don't.
std::string difference(const PredictionKind& a, std::string_view name_a, const PredictionKind& b,
                       std::string_view name_b);

std::string json_array(const std::vector<std::string>& texts);
// Reads an array of texts; nothing when it isn't one.
std::optional<std::vector<std::string>> parse_json_array(std::string_view text);

// Of `rows` rows of outputs [rows, kind.width()], how many come before the first one that no answer can be: a
// value that is not finite, of classes a negative probability. `rows` where all are good.
std::int64_t good_rows(const PredictionKind& kind, const float* values, std::int64_t rows);

// Reads the outputs of a prediction stream as [rows, width] floats.
class OutputColumn {
 public:
  struct Outputs {
    const float* values = nullptr;
    std::int64_t rows = 0;  // of the batch, up to the first that is wrong
    std::string error;      // what is wrong with the next one: "row 7: value is missing"
  };
  OutputColumn(const PredictionKind& kind, const Schema& schema);
  // In place where the column is f32, else converted into `scratch`. Wrong are a missing
  // value, one that is not finite, a negative probability.
  Outputs read(const Batch& batch, Buffer& scratch) const;

 private:
  std::size_t column_;
  PredictionKind kind_;
};

// Builds batches of predictions. One thread.
class PredictionBuilder {
 public:
  // `source` is the schema of the rows that are predicted: its id and y pass through.
  // nn.classes, nn.tool and nn.version are added to `metadata`.
  PredictionBuilder(PredictionKind kind, const Schema& source, bool with_uncertainty, Metadata metadata);
  const std::shared_ptr<const Schema>& schema() const { return schema_; }
  const PredictionKind& kind() const { return kind_; }
  // `values` is [rows, width] (taken over); `labels` [rows] class indices, or null: the
  // largest of `values`; `uncertainty` [rows] or null.
  Batch build(const Batch& source, Buffer values, const std::int32_t* labels, const float* uncertainty) const;

 private:
  Column label_column(std::int64_t rows, const float* values, const std::int32_t* labels) const;

  PredictionKind kind_;
  std::shared_ptr<const Schema> schema_;
  std::shared_ptr<const Dictionary> class_names_;
  std::vector<std::int64_t> integer_labels_;
  std::vector<std::size_t> passed_;  // columns of the source
  bool with_uncertainty_;
};

// The columns of `schema` that pass through: id and y.
std::vector<std::size_t> passed_columns(const Schema& schema);

}  // namespace nn::predict
