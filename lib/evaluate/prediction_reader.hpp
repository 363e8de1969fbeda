// Labelled predictions, whatever made them, as plain rows.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "evaluate/class_labels.hpp"
#include "evaluate/options.hpp"
#include "model/answers.hpp"
#include "tensor/batch.hpp"

namespace nn::evaluate {

// What a column of uncertainties has.
enum class UncertaintyKind : std::uint8_t { any, variance };

// Rows of a batch that have y.
struct LabelledRows {
  std::int64_t rows = 0;
  std::vector<std::int64_t> numbers;         // [rows] the row's number in the table
  std::vector<double> outputs;               // [rows, width]: probabilities, or numbers
  std::vector<double> quantiles;             // [rows, quantiles().size()]: of y, ascending or not
  std::vector<double> wanted;                // [rows, width]: y of numbers; finite
  std::vector<std::int32_t> truth, answers;  // [rows] of classes: indices of names()
  std::vector<double> weights;               // [rows], empty: 1 each
  std::vector<double> uncertainty;           // [rows], empty: there is none
  std::optional<double> weight(std::int64_t row) const {
    return weights.empty() ? std::nullopt : std::optional(weights[static_cast<std::size_t>(row)]);
  }
};

// The table has y, and one of
//   proba [n], or scalars proba_0 … proba_{n-1} (as text formats have them), or one
//     scalar proba, the probability of the second of two classes; with or without label
//   label alone: answers
//   value (scalar or tensor), or scalars value_0 …: numbers. Where they are quantiles of y, or its mean and
//     standard deviation (see model/answers.hpp), one of them is the answer.
// Data errors say which column is missing and how to get it, and name the row of a value that is missing, not
// finite, or no probability. y is matched with the classes by name or by integer value. One thread.
class PredictionReader {
 public:
  PredictionReader(std::shared_ptr<const Schema> schema, const EvaluateOptions& options);

  bool has_classes() const { return truth_column_.has_value(); }
  // Numbers a row in `outputs`; 0 where there are only answers.
  std::int64_t width() const { return width_; }
  // Classes that have a probability; they are the first of names(). 0 where there are only answers.
  std::int64_t known() const { return has_classes() ? width_ : 0; }
  const std::vector<std::string>& names() const { return names_->names(); }
  // Whether answers say how sure they are: in a column, or as standard deviations beside means.
  bool has_uncertainty() const {
    return uncertainty_.has_value() || answers_.kind == model::Answers::Kind::normal;
  }
  // Of several numbers a row: what they are called, or their index.
  const std::vector<std::string>& value_names() const { return value_names_; }
  // Of numbers: which quantiles each answer has; empty: none.
  const std::vector<double>& quantiles() const { return answers_.quantiles; }
  bool has_deviations() const { return !has_classes() && answers_.kind == model::Answers::Kind::normal; }
  UncertaintyKind uncertainty_kind() const { return uncertainty_kind_; }

  // Rows without y are left out and counted. The result lasts until the next call.
  const LabelledRows& read(const Batch& batch);
  std::int64_t unlabelled() const { return unlabelled_; }
  // Rows of a class that the model does not know: the first, as "'7' in row 2".
  const std::string& first_unknown() const { return first_unknown_; }
  // Rows whose probabilities don't sum to 1: how many, and the first's number and sum.
  struct WrongSums {
    std::int64_t rows = 0, first = 0;
    double sum = 0;
  };
  const WrongSums& wrong_sums() const { return wrong_sums_; }

 private:
  void find_classes(const EvaluateOptions& options);
  void find_names(const EvaluateOptions& options);
  void find_numbers();
  void find_answers(const std::vector<std::string>& names);
  void find_uncertainty(const EvaluateOptions& options);
  void read_outputs(const Batch& batch);
  void split_answers();
  std::size_t values_per_row() const;
  void drop_unlabelled(const Batch& batch);
  void check_outputs() const;
  void check_probabilities();
  void answer_by_threshold();
  void note_unknown(const Batch& batch);

  std::shared_ptr<const Schema> schema_;
  std::size_t y_ = 0;                        // of classes
  std::vector<std::size_t> wanted_columns_;  // of numbers: y, or its elements
  std::vector<std::size_t> outputs_;         // proba or value, or their elements
  std::vector<std::string> proba_names_;     // as the columns have them; empty: none
  std::vector<std::string> value_names_;
  model::Answers answers_;  // what numbers are
  std::optional<std::size_t> uncertainty_;
  UncertaintyKind uncertainty_kind_ = UncertaintyKind::any;
  std::optional<LabelColumn> truth_column_, answer_column_;
  std::optional<ClassNames> names_;
  std::optional<double> threshold_;
  std::int64_t width_ = 0, unlabelled_ = 0;
  std::string first_unknown_;
  WrongSums wrong_sums_;
  LabelledRows rows_;
};

}  // namespace nn::evaluate
