#include "evaluate/evaluate.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <variant>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "evaluate/class_labels.hpp"
#include "evaluate/metrics.hpp"
#include "evaluate/report.hpp"
#include "predict/argmax.hpp"
#include "predict/predictions.hpp"
#include "tensor/name_list.hpp"
#include "tensor/row_weights.hpp"

namespace nn::evaluate {
namespace {

std::size_t number_column(const Schema& schema, std::size_t column) {
  const Field& field = schema.fields[column];
  if (!is_number(field.type)) {
    fail_data("column {} is {}, expected numbers", field.name,
              field.type == DType::opaque ? field.foreign_type : std::string(name_of(field.type)));
  }
  return column;
}

// A tensor, or the columns that are its elements in text formats.
struct Elements {
  std::vector<std::size_t> columns;
  std::vector<std::string> names;  // empty: they are numbered
};

// `stem` itself, or stem_0, stem_1, … or stem_cat, stem_dog, …: as text formats have a tensor.
Elements elements_of(const Schema& schema, const std::string& stem) {
  if (const auto at = schema.find(stem))
    return {{number_column(schema, *at)}, element_names(schema.fields[*at])};
  std::map<std::string_view, std::size_t> by_name;  // the first of each name
  Elements named;
  for (std::size_t i = 0; i < schema.fields.size(); ++i) {
    const Field& field = schema.fields[i];
    by_name.emplace(field.name, i);
    if (!is_number(field.type) || !field.shape.empty() || !field.name.starts_with(stem + "_")) continue;
    named.columns.push_back(i);
    named.names.push_back(field.name.substr(stem.size() + 1));
  }
  std::vector<std::size_t> numbered;
  for (;;) {
    const auto found = by_name.find(fmt::format("{}_{}", stem, numbered.size()));
    if (found == by_name.end()) break;
    numbered.push_back(number_column(schema, found->second));
  }
  // Where some have names, 0 and 1 are names as well.
  if (numbered.size() >= named.columns.size()) return {numbered, {}};
  return named;
}

std::int64_t width_of(const Schema& schema, const std::vector<std::size_t>& columns) {
  std::int64_t width = 0;
  for (const std::size_t column : columns) width += element_count(schema.fields[column].shape);
  return width;
}

// Copies the columns side by side; data errors for what is missing or not finite, unless it may be: then NaN.
template <typename T>
void gather(const Batch& batch, const std::vector<std::size_t>& columns, std::vector<T>& out,
            bool may_be_missing = false) {
  const auto width = static_cast<std::size_t>(width_of(*batch.schema, columns));
  out.resize(static_cast<std::size_t>(batch.rows) * width);
  std::size_t at = 0;
  for (const std::size_t index : columns) {
    const Field& field = batch.schema->fields[index];
    const Column& column = batch.columns[index];
    const std::int64_t n = element_count(field.shape);
    for (std::int64_t row = 0; row < batch.rows; ++row) {
      T* to = out.data() + static_cast<std::size_t>(row) * width + at;
      for (std::int64_t i = 0; i < n; ++i) {
        to[i] = static_cast<T>(number_at(field.type, column.data, row * n + i));
        if (may_be_missing) {
          if (!column.valid(row)) to[i] = std::numeric_limits<T>::quiet_NaN();
        } else if (!column.valid(row) || !std::isfinite(to[i])) {
          fail_data("row {}: column {} is missing or not finite", batch.first_row + row, field.name);
        }
      }
    }
    at += static_cast<std::size_t>(n);
  }
}

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

}  // namespace

struct Evaluation::State {
  State(std::shared_ptr<const Schema> schema, const EvaluateOptions& options);
  void find_classes();
  void find_names();
  void add_classes(const Batch& batch);
  void add_numbers(const Batch& batch);
  void read_proba(const Batch& batch);
  void note_unknown(const Batch& batch, std::int64_t row);

  std::shared_ptr<const Schema> schema;
  EvaluateOptions options;
  std::size_t y = 0;                        // of classes
  std::vector<std::size_t> wanted_columns;  // of numbers: y, or its elements
  std::vector<std::size_t> proba, values;
  std::vector<std::string> proba_names;  // as the columns have them; empty: none
  std::optional<LabelColumn> truth_column, answer_column;
  std::optional<ClassNames> names;
  std::optional<ClassMetrics> classes;
  std::optional<NumberMetrics> numbers;
  std::int64_t unlabelled = 0;
  std::string first_unknown;
  std::vector<std::int32_t> truth, answers;
  std::vector<float> predicted;
  std::vector<double> wanted;
  std::vector<double> weights;  // of the batch's rows; empty: 1 each
};

Evaluation::State::State(std::shared_ptr<const Schema> table, const EvaluateOptions& wishes)
    : schema(std::move(table)), options(wishes) {
  Elements probabilities = elements_of(*schema, "proba");
  const auto label = schema->find("label");
  const bool is_classes = !probabilities.columns.empty() || label;
  const auto at = schema->find("y");
  if (!at && (is_classes || elements_of(*schema, "y").columns.empty())) {
    throw data_error("no column y to compare with")
        .advise(
            ": name it where the rows are read, as in 'nn-predict -m MODEL --label COLUMN' (classes) or "
            "'--target COLUMN' (numbers), or here with the same options");
  }
  y = at.value_or(0);
  proba = std::move(probabilities.columns);
  proba_names = std::move(probabilities.names);
  if (is_classes) {
    if (label) answer_column.emplace(*schema, *label);
    find_classes();
    return;
  }
  Elements answers_of_rows = elements_of(*schema, "value");
  values = std::move(answers_of_rows.columns);
  if (values.empty()) fail_data("no predictions: expected a column proba, label or value");
  Elements truths = elements_of(*schema, "y");
  wanted_columns = std::move(truths.columns);
  const std::int64_t width = width_of(*schema, values);
  if (width != width_of(*schema, wanted_columns)) {
    fail_data("y is {}, the predictions have {} values a row",
              wanted_columns.size() == 1 ? to_string(schema->fields[wanted_columns[0]].shape)
                                         : fmt::format("{} columns", wanted_columns.size()),
              width);
  }
  check_names(answers_of_rows.names, truths.names);
  numbers.emplace(width);
}

void Evaluation::State::find_classes() {
  truth_column.emplace(*schema, y);
  find_names();
  ClassMetricsOptions metrics;
  metrics.proba = !proba.empty();
  metrics.top_k = options.top_k;
  metrics.auc = options.auc;
  metrics.confusion = options.confusion;
  if (!metrics.proba && (options.top_k > 0 || options.auc || options.calibration)) {
    fail_data("--top-k, --auc and --calibration need probabilities, there are only labels");
  }
  classes.emplace(static_cast<std::int64_t>(names->names().size()), metrics);
}

// Names of the classes that the probabilities are of: the stream says so, or --classes, or integers from 0.
void Evaluation::State::find_names() {
  const std::int64_t width = width_of(*schema, proba);
  const std::int64_t count = width == 1 ? 2 : width;
  const bool named = schema->metadata.find("nn.classes") != nullptr && !proba.empty();
  std::vector<std::string> list = options.classes;
  if (list.empty() && named && width > 1) list = predict::kind_of(*schema).names;
  if (list.empty() && width > 1) list = proba_names;
  if (list.empty() && !proba.empty() && is_text(schema->fields[y].type)) {
    if (!answer_column) {
      throw data_error("y is text and nothing says which class each probability is of")
          .advise(": name them with --classes A,B,…");
    }
    warn(
        "nothing says which class each probability is of (--classes A,B,…): figures are of the labels alone");
    proba.clear();
  }
  if (proba.empty()) {
    names.emplace(std::move(list), true);
    return;
  }
  if (list.empty()) list = numbered(count);
  if (static_cast<std::int64_t>(list.size()) != count) {
    fail_usage("--classes names {} classes, there are {} probabilities a row", list.size(), count);
  }
  names.emplace(std::move(list), false);
}

void Evaluation::State::read_proba(const Batch& batch) {
  gather(batch, proba, predicted);
  const auto rows = static_cast<std::size_t>(batch.rows);
  if (predicted.size() == rows && names->names().size() == 2) {
    predicted.resize(2 * rows);
    for (std::size_t row = rows; row-- > 0;) {
      const float p = predicted[row];
      predicted[2 * row] = 1 - p;
      predicted[2 * row + 1] = p;
    }
  }
  const std::size_t width = names->names().size();
  for (std::size_t i = 0; i < predicted.size(); ++i) {
    if (predicted[i] >= 0 && predicted[i] <= 1.001f) continue;
    fail_data("row {}: {} is not a probability", batch.first_row + static_cast<std::int64_t>(i / width),
              predicted[i]);
  }
}

void Evaluation::State::note_unknown(const Batch& batch, std::int64_t row) {
  if (!first_unknown.empty()) return;
  first_unknown =
      fmt::format("'{}' in row {}", printable(value_text(schema->fields[y], batch.columns[y], row)),
                  batch.first_row + row);
}

void Evaluation::State::add_classes(const Batch& batch) {
  weights.clear();
  append_row_weights(batch, weights);
  const auto rows = static_cast<std::size_t>(batch.rows);
  truth.resize(rows);
  answers.resize(rows);
  truth_column->read(batch, *names, truth.data());
  if (!proba.empty()) read_proba(batch);
  if (answer_column) {
    answer_column->read(batch, *names, answers.data());
  } else {
    predict::argmax(batch.rows, static_cast<std::int64_t>(names->names().size()), predicted.data(),
                    answers.data());
  }
  classes->grow(static_cast<std::int64_t>(names->names().size()));
  const std::size_t width = proba.empty() ? 0 : names->names().size();
  for (std::size_t first = 0; first < rows;) {
    if (truth[first] == LabelColumn::missing) {
      ++unlabelled;
      ++first;
      continue;
    }
    std::size_t last = first;
    for (; last < rows && truth[last] != LabelColumn::missing; ++last) {
      if (truth[last] == LabelColumn::unknown) note_unknown(batch, static_cast<std::int64_t>(last));
    }
    classes->add(static_cast<std::int64_t>(last - first), predicted.data() + first * width,
                 answers.data() + first, truth.data() + first,
                 weights.empty() ? nullptr : weights.data() + first);
    first = last;
  }
}

void Evaluation::State::add_numbers(const Batch& batch) {
  weights.clear();
  append_row_weights(batch, weights);
  gather(batch, values, predicted);
  gather(batch, wanted_columns, wanted, true);
  const std::int64_t width = width_of(*schema, values);
  for (std::int64_t row = 0; row < batch.rows; ++row) {
    const double* row_wanted = wanted.data() + row * width;
    if (std::any_of(row_wanted, row_wanted + width, [](double value) { return std::isnan(value); })) {
      ++unlabelled;
    } else {
      numbers->add(predicted.data() + row * width, row_wanted,
                   weights.empty() ? std::nullopt : std::optional(weights[static_cast<std::size_t>(row)]));
    }
  }
}

Evaluation::Evaluation(std::shared_ptr<const Schema> schema, const EvaluateOptions& options)
    : state_(std::make_unique<State>(std::move(schema), options)) {}

Evaluation::~Evaluation() = default;

void Evaluation::add(const Batch& batch) {
  if (state_->classes) {
    state_->add_classes(batch);
  } else {
    state_->add_numbers(batch);
  }
}

void Evaluation::finish() {
  const std::int64_t rows = state_->classes ? state_->classes->report().rows : state_->numbers->report().rows;
  if (rows == 0)
    fail_data("{}", state_->unlabelled > 0 ? "no row has y: nothing to compare with" : "no rows");
  if (state_->first_unknown.empty()) return;
  warn("{} of {} rows have a class in y that the model does not know (first: {}); they count as wrong",
       state_->classes->report().unknown, rows, state_->first_unknown);
}

std::string Evaluation::text() const {
  if (state_->numbers) return to_text(state_->numbers->report(), state_->unlabelled);
  return to_text(state_->classes->report(), state_->names->names(), state_->unlabelled, state_->options);
}

std::string Evaluation::json() const {
  if (state_->numbers) return json_of(state_->numbers->report(), state_->unlabelled);
  return json_of(state_->classes->report(), state_->names->names(), state_->unlabelled, state_->options);
}

}  // namespace nn::evaluate
