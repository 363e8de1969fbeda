#include "evaluate/prediction_reader.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "evaluate/columns.hpp"
#include "predict/predictions.hpp"
#include "tensor/row_weights.hpp"

namespace nn::evaluate {
namespace {

// Several targets in another order would be compared with each other.
void check_names(const std::vector<std::string>& predicted, const std::vector<std::string>& wanted) {
  for (std::size_t i = 0; i < std::min(predicted.size(), wanted.size()); ++i) {
    if (predicted[i] == wanted[i]) continue;
    throw data_error("value {} of a row is '{}' in the predictions, and '{}' in y", i,
                     printable(predicted[i]), printable(wanted[i]))
        .advise("; name the columns of --target in the order of the predictions");
  }
}

std::vector<std::string> numbered(std::int64_t count) {
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

// The largest value of a row, the lowest one on ties.
std::int32_t argmax_row(const double* p, std::int64_t classes) {
  return static_cast<std::int32_t>(std::max_element(p, p + classes) - p);
}

// Rounding may leave a hair above 1.
constexpr double most_probable = 1.001;
// Rounded for people, to two digits, probabilities of a row sum to 1 within that.
constexpr double sum_slack = 0.02;

}  // namespace

PredictionReader::PredictionReader(std::shared_ptr<const Schema> schema, const EvaluateOptions& options)
    : schema_(std::move(schema)) {
  Elements probabilities = elements_of(*schema_, "proba");
  const auto label = schema_->find("label");
  const bool is_classes = !probabilities.columns.empty() || label;
  const auto at = schema_->find("y");
  if (!at && (is_classes || elements_of(*schema_, "y").columns.empty())) {
    throw data_error("no column y to compare with")
        .advise(
            ": name it where the rows are read, as in 'nn-predict -m MODEL --label COLUMN' (classes) or "
            "'--target COLUMN' (numbers), or here with the same options");
  }
  y_ = at.value_or(0);
  if (is_classes) {
    outputs_ = std::move(probabilities.columns);
    proba_names_ = std::move(probabilities.names);
    if (label) answer_column_.emplace(*schema_, *label);
    find_classes(options);
  } else {
    find_numbers();
  }
  find_uncertainty(options);
}

void PredictionReader::find_classes(const EvaluateOptions& options) {
  truth_column_.emplace(*schema_, y_);
  find_names(options);
  width_ = outputs_.empty() ? 0 : static_cast<std::int64_t>(names_->names().size());
  if (!options.threshold) return;
  if (width_ != 2)
    fail_usage("--threshold is for the probabilities of two classes; here are {}",
               width_ == 0 ? "only labels" : fmt::format("{}", width_));
  threshold_ = options.threshold;
}

// Names of the classes that the probabilities are of: the stream says so, or --classes, or integers from 0.
void PredictionReader::find_names(const EvaluateOptions& options) {
  const std::int64_t width = evaluate::width_of(*schema_, outputs_);
  const std::int64_t count = width == 1 ? 2 : width;
  const bool named = schema_->metadata.find("nn.classes") != nullptr && !outputs_.empty();
  std::vector<std::string> said;  // by the table
  if (named && width > 1) said = predict::kind_of(*schema_).names;
  if (said.empty() && width > 1) said = proba_names_;
  std::vector<std::string> list = options.classes.empty() ? said : options.classes;
  if (!said.empty() && list != said) {
    throw data_error("the table says that its probabilities are of {}, in this order",
                     printable(fmt::format("{}", fmt::join(said, ", ")), 200))
        .advise("; --classes is for tables that don't say it");
  }
  if (list.empty() && !outputs_.empty() && is_text(schema_->fields[y_].type)) {
    if (!answer_column_) {
      throw data_error("y is text and nothing says which class each probability is of")
          .advise(": name them with --classes A,B,…");
    }
    warn(
        "nothing says which class each probability is of (--classes A,B,…): figures are of the labels alone");
    outputs_.clear();
  }
  if (!outputs_.empty() && list.empty()) list = numbered(count);
  if (!outputs_.empty() && static_cast<std::int64_t>(list.size()) != count) {
    fail_usage("--classes names {} classes, there are {} probabilities a row", list.size(), count);
  }
  names_.emplace(std::move(list));
}

void PredictionReader::find_numbers() {
  Elements answers = elements_of(*schema_, "value");
  outputs_ = std::move(answers.columns);
  if (outputs_.empty()) fail_data("no predictions: expected a column proba, label or value");
  Elements truths = elements_of(*schema_, "y");
  wanted_columns_ = std::move(truths.columns);
  width_ = evaluate::width_of(*schema_, outputs_);
  find_answers(answers.names);
  if (width_ != evaluate::width_of(*schema_, wanted_columns_)) {
    const Error error =
        data_error("y is {}, the predictions have {} values a row",
                   wanted_columns_.size() == 1 ? to_string(schema_->fields[wanted_columns_[0]].shape)
                                               : fmt::format("{} columns", wanted_columns_.size()),
                   width_);
    if (evaluate::width_of(*schema_, wanted_columns_) > 1) throw error;
    throw error.advise(
        "; quantiles, and means with deviations, have names in a stream and as columns value_q0.1 … or "
        "value_mean,value_std of text");
  }
  if (answers_.kind == model::Answers::Kind::values) check_names(answers.names, truths.names);
  value_names_ = truths.names.empty() ? std::move(answers.names) : std::move(truths.names);
  if (static_cast<std::int64_t>(value_names_.size()) != width_) value_names_ = numbered(width_);
}

// Streams say it; of other tables with one y the names do.
void PredictionReader::find_answers(const std::vector<std::string>& names) {
  if (const std::string* said = schema_->metadata.find("nn.answers")) {
    answers_ = model::parse_answers(*said);
    if (answers_.each() != width_)
      fail_data("there are {} values a row, and the stream's metadata say that they are {}", width_, *said);
  } else if (evaluate::width_of(*schema_, wanted_columns_) == 1) {
    std::vector<std::size_t> order(names.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto number_of = [&](std::size_t at) { return std::strtod(names[at].c_str() + 1, nullptr); };
    std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
      return names[a][0] == 'q' && names[b][0] == 'q' ? number_of(a) < number_of(b) : names[a] < names[b];
    });
    std::vector<std::string> sorted;
    for (const std::size_t at : order) sorted.push_back(names[at]);
    if (const auto answers = model::answers_of_names(sorted); answers && names.size() == outputs_.size()) {
      answers_ = *answers;
      std::vector<std::size_t> columns;
      for (const std::size_t at : order) columns.push_back(outputs_[at]);
      outputs_ = std::move(columns);
    }
  }
  if (answers_.kind != model::Answers::Kind::values) width_ = 1;
}

// nn-aggregate's variance of numbers has another unit than they have: its root is compared with errors.
void PredictionReader::find_uncertainty(const EvaluateOptions& options) {
  if (has_deviations() && !options.uncertainty) return;
  const std::string name = options.uncertainty.value_or("uncertainty");
  const auto at = schema_->find(name);
  const bool fits = at && is_number(schema_->fields[*at].type) && schema_->fields[*at].shape.empty();
  if (!fits && options.uncertainty) {
    if (at) fail_data("column '{}' is not one number a row, as an uncertainty is", printable(name));
    throw data_error("no column '{}'", printable(name)).advise(", which --uncertainty names");
  }
  if (!fits) return;
  uncertainty_ = at;
  const std::string* said = schema_->metadata.find("nn.uncertainty");
  const bool is_variance = said != nullptr ? *said == "variance" : name == "variance" || name == "var";
  if (is_variance) uncertainty_kind_ = UncertaintyKind::variance;
  if (said == nullptr && !has_classes() && name == "uncertainty") {
    warn(
        "nothing says what kind column 'uncertainty' is of; it is taken for a standard deviation (a column "
        "'variance', which --uncertainty names, is one)");
  }
}

const LabelledRows& PredictionReader::read(const Batch& batch) {
  rows_.rows = batch.rows;
  rows_.numbers.resize(static_cast<std::size_t>(batch.rows));
  for (std::int64_t row = 0; row < batch.rows; ++row)
    rows_.numbers[static_cast<std::size_t>(row)] = batch.first_row + row;
  rows_.weights.clear();
  append_row_weights(batch, rows_.weights);
  if (uncertainty_) gather(batch, {*uncertainty_}, rows_.uncertainty);
  read_outputs(batch);
  drop_unlabelled(batch);
  check_outputs();
  split_answers();
  if (!has_classes()) return rows_;
  if (width_ > 0) check_probabilities();
  if (threshold_) {
    answer_by_threshold();
  } else if (!answer_column_) {
    rows_.answers.resize(static_cast<std::size_t>(rows_.rows));
    for (std::int64_t row = 0; row < rows_.rows; ++row)
      rows_.answers[static_cast<std::size_t>(row)] = argmax_row(rows_.outputs.data() + row * width_, width_);
  }
  if (first_unknown_.empty() && width_ > 0) note_unknown(batch);
  return rows_;
}

void PredictionReader::read_outputs(const Batch& batch) {
  const auto rows = static_cast<std::size_t>(batch.rows);
  gather(batch, outputs_, rows_.outputs);
  if (!has_classes()) {
    gather(batch, wanted_columns_, rows_.wanted);
    return;
  }
  rows_.truth.resize(rows);
  truth_column_->read(batch, *names_, rows_.truth.data());
  if (answer_column_ && !threshold_) {
    rows_.answers.resize(rows);
    answer_column_->read(batch, *names_, rows_.answers.data());
  } else {
    rows_.answers.clear();
  }
  if (width_ != 2 || rows_.outputs.size() != rows) return;
  rows_.outputs.resize(2 * rows);
  for (std::size_t row = rows; row-- > 0;) {
    const double p = rows_.outputs[row];
    rows_.outputs[2 * row] = std::max(1 - p, 0.0);
    rows_.outputs[2 * row + 1] = p;
  }
}

// Of `outputs` as they are read.
std::size_t PredictionReader::values_per_row() const {
  return static_cast<std::size_t>(width_ * answers_.each());
}

// Several values of one answer go where they belong.
void PredictionReader::split_answers() {
  if (answers_.kind == model::Answers::Kind::values) return;
  const auto rows = static_cast<std::size_t>(rows_.rows);
  const std::size_t each = values_per_row(), point = answers_.point();
  if (answers_.kind == model::Answers::Kind::quantiles) rows_.quantiles = rows_.outputs;
  if (has_deviations() && !uncertainty_) {
    rows_.uncertainty.resize(rows);
    for (std::size_t row = 0; row < rows; ++row) rows_.uncertainty[row] = rows_.outputs[row * each + 1];
  }
  for (std::size_t row = 0; row < rows; ++row) rows_.outputs[row] = rows_.outputs[row * each + point];
}

// Moves the others together.
void PredictionReader::drop_unlabelled(const Batch& batch) {
  const auto width = static_cast<std::size_t>(width_);
  const auto has_y = [&](std::size_t row) {
    if (has_classes()) return rows_.truth[row] != LabelColumn::missing;
    const double* wanted = rows_.wanted.data() + row * width;
    return std::none_of(wanted, wanted + width, [](double value) { return std::isnan(value); });
  };
  const auto rows = static_cast<std::size_t>(batch.rows);
  std::size_t kept = 0;
  while (kept < rows && has_y(kept)) ++kept;
  const auto move = [&](auto& values, std::size_t row, std::size_t each) {
    if (!values.empty())
      std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(row * each), each,
                  values.begin() + static_cast<std::ptrdiff_t>(kept * each));
  };
  for (std::size_t row = kept; row < rows; ++row) {
    if (!has_y(row)) {
      ++unlabelled_;
      continue;
    }
    move(rows_.numbers, row, 1);
    move(rows_.outputs, row, values_per_row());
    move(rows_.wanted, row, width);
    move(rows_.truth, row, 1);
    move(rows_.answers, row, 1);
    move(rows_.weights, row, 1);
    move(rows_.uncertainty, row, 1);
    ++kept;
  }
  rows_.rows = static_cast<std::int64_t>(kept);
}

void PredictionReader::check_outputs() const {
  const auto check = [&](const std::vector<double>& values, const std::vector<std::size_t>& columns) {
    const auto each = static_cast<std::size_t>(evaluate::width_of(*schema_, columns));
    // One column of probabilities has become two.
    const std::size_t width = columns == outputs_ ? values_per_row() : each;
    for (std::size_t i = 0; i < static_cast<std::size_t>(rows_.rows) * width; ++i) {
      if (std::isfinite(values[i])) continue;
      std::size_t column = 0;
      for (auto element = static_cast<std::int64_t>(i % width); column + 1 < columns.size(); ++column) {
        element -= element_count(schema_->fields[columns[column]].shape);
        if (element < 0) break;
      }
      fail_data("row {}: column {} is missing or not finite", rows_.numbers[i / width],
                schema_->fields[columns[column]].name);
    }
  };
  if (!outputs_.empty()) check(rows_.outputs, outputs_);
  if (!has_classes()) check(rows_.wanted, wanted_columns_);
  if (uncertainty_) check(rows_.uncertainty, {*uncertainty_});
  if (!has_classes() || !answer_column_ || threshold_) return;
  const auto end = rows_.answers.begin() + rows_.rows;
  const auto none = std::find(rows_.answers.begin(), end, LabelColumn::missing);
  if (none != end) {
    throw data_error("row {}: column label is missing: a row that has y needs an answer",
                     rows_.numbers[static_cast<std::size_t>(none - rows_.answers.begin())])
        .advise("; --where 'label is not missing' leaves such rows out");
  }
}

void PredictionReader::check_probabilities() {
  for (std::int64_t row = 0; row < rows_.rows; ++row) {
    const double* p = rows_.outputs.data() + row * width_;
    double sum = 0;
    for (std::int64_t c = 0; c < width_; ++c) {
      if (!(p[c] >= 0 && p[c] <= most_probable))
        fail_data("row {}: {} is not a probability", rows_.numbers[static_cast<std::size_t>(row)], p[c]);
      sum += p[c];
    }
    if (std::abs(sum - 1) <= sum_slack) continue;
    if (wrong_sums_.rows++ > 0) continue;
    wrong_sums_.first = rows_.numbers[static_cast<std::size_t>(row)];
    wrong_sums_.sum = sum;
  }
}

void PredictionReader::answer_by_threshold() {
  rows_.answers.resize(static_cast<std::size_t>(rows_.rows));
  for (std::size_t row = 0; row < rows_.answers.size(); ++row)
    rows_.answers[row] = rows_.outputs[2 * row + 1] >= *threshold_ ? 1 : 0;
}

void PredictionReader::note_unknown(const Batch& batch) {
  const auto end = rows_.truth.begin() + rows_.rows;
  const auto first =
      std::find_if(rows_.truth.begin(), end, [&](std::int32_t truth) { return truth >= width_; });
  if (first == end) return;
  const std::int64_t number = rows_.numbers[static_cast<std::size_t>(first - rows_.truth.begin())];
  first_unknown_ = fmt::format(
      "'{}' in row {}",
      printable(value_text(schema_->fields[y_], batch.columns[y_], number - batch.first_row)), number);
}

}  // namespace nn::evaluate
