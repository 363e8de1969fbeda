#include "evaluate/comparison.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <unordered_map>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"
#include "evaluate/comparison_report.hpp"
#include "evaluate/prediction_reader.hpp"
#include "evaluate/scores.hpp"
#include "evaluate/significance.hpp"
#include "tensor/column_roles.hpp"

namespace nn::evaluate {
namespace {

void check(const EvaluateOptions& options) {
  if (!options.asks_for_more()) return;
  fail_usage(
      "--against compares two models by tests, and goes with no figures of one: evaluate each by itself");
}

// What a row of one model comes to.
struct Outcome {
  std::int32_t truth = 0;  // of classes: in its own model's names
  bool correct = false;
  double loss = 0;  // log loss, or the mean squared error of its values
  std::optional<double> weight;
};

double squared_error(const double* a, const double* b, std::int64_t width) {
  double squares = 0;
  for (std::int64_t i = 0; i < width; ++i) squares += (a[i] - b[i]) * (a[i] - b[i]);
  return squares / static_cast<double>(width);
}

Outcome outcome_of(const PredictionReader& reader, const LabelledRows& rows, std::int64_t row) {
  const auto at = static_cast<std::size_t>(row);
  const std::int64_t width = reader.width();
  Outcome outcome;
  outcome.weight = rows.weight(row);
  if (!reader.has_classes()) {
    outcome.loss = squared_error(rows.outputs.data() + row * width, rows.wanted.data() + row * width, width);
    return outcome;
  }
  outcome.truth = rows.truth[at];
  outcome.correct = rows.truth[at] == rows.answers[at];
  if (width > 0) outcome.loss = score_of(rows.outputs.data() + row * width, width, outcome.truth, 0).log_loss;
  return outcome;
}

// Differences of pairs.
struct Pairs {
  std::vector<double> differences, weights;
  double first = 0, second = 0, weight = 0;  // sums
  void add(double a, double b, double w) {
    if (w == 0) return;
    differences.push_back(a - b);
    weights.push_back(w);
    first += w * a;
    second += w * b;
    weight += w;
  }
  // Mean, and Student's t for its being 0: with weights, of which the variance knows nothing else.
  PairedTest test(std::string figure, double confidence) const {
    PairedTest test;
    test.figure = std::move(figure);
    test.first = first / weight;
    test.second = second / weight;
    for (std::size_t i = 0; i < differences.size(); ++i) test.difference += weights[i] * differences[i];
    test.difference /= weight;
    const auto n = static_cast<double>(differences.size());
    if (n < 2) return test;
    double squares = 0;
    for (std::size_t i = 0; i < differences.size(); ++i) {
      const double distance = weights[i] * (differences[i] - test.difference);
      squares += distance * distance;
    }
    const double error = std::sqrt(squares * n / (n - 1)) / weight;
    const double room = error * student_quantile(confidence, n - 1);
    test.low = test.difference - room;
    test.high = test.difference + room;
    // Rounding leaves something of differences that are all the same.
    const bool none = error <= std::abs(test.difference) * 1e-14;
    test.p = test.difference == 0 ? 1 : none ? 0 : student_two_sided(test.difference / error, n - 1);
    return test;
  }
};

}  // namespace

int PairedTest::sign() const {
  if (difference == 0) return 0;
  return (difference > 0) == higher_is_better ? -1 : 1;
}

struct Comparison::State {
  State(Model a, Model b, const EvaluateOptions& wishes);
  std::string key_of(const Batch& batch, std::int64_t number) const;
  std::size_t find_first(const std::string& key);
  void check_truth(const std::string& key, const LabelledRows& rows, std::int64_t row, std::size_t place);
  bool is_same_class(std::int32_t a, std::int32_t b);
  std::string row_text(const std::string& key) const;

  EvaluateOptions options;
  Model first, second;
  PredictionReader first_reader, second_reader;
  bool by_id;
  bool float_truth;               // y of one of them went through a float
  std::vector<std::string> keys;  // of the first's rows
  std::vector<Outcome> outcomes;
  std::vector<double> wanted;
  std::vector<bool> taken;
  std::unordered_map<std::string, std::size_t> places;  // of keys, once rows are not in the same order
  std::size_t next = 0;                                 // where the second's next row is expected
  std::map<std::pair<std::int32_t, std::int32_t>, bool> same_classes;
  Pairs accuracy, loss;
  ComparisonReport report;
};

namespace {

bool has_float_truth(const Schema& schema) {
  return std::any_of(schema.fields.begin(), schema.fields.end(), [](const Field& field) {
    return field.type == DType::f32 && (field.name == target_column || field.name.starts_with("y_"));
  });
}

}  // namespace

Comparison::State::State(Model a, Model b, const EvaluateOptions& wishes)
    : options(wishes),
      first(std::move(a)),
      second(std::move(b)),
      first_reader(first.schema, wishes),
      second_reader(second.schema, wishes),
      by_id(first.schema->find(id_column) && second.schema->find(id_column)),
      float_truth(has_float_truth(*first.schema) || has_float_truth(*second.schema)) {
  const auto what = [](const PredictionReader& reader) {
    return reader.has_classes() ? "classes" : "numbers";
  };
  if (first_reader.has_classes() != second_reader.has_classes())
    fail_data("{} answers {}, {} {}", printable(first.name), what(first_reader), printable(second.name),
              what(second_reader));
  if (!first_reader.has_classes() && first_reader.width() != second_reader.width())
    fail_data("{} answers {} values a row, {} {}", printable(first.name), first_reader.width(),
              printable(second.name), second_reader.width());
  report.first = first.name;
  report.second = second.name;
  report.confidence = options.confidence.value_or(95) / 100;
}

std::string Comparison::State::row_text(const std::string& key) const {
  return by_id ? fmt::format("id '{}'", printable(key)) : fmt::format("row {}", key);
}

std::string Comparison::State::key_of(const Batch& batch, std::int64_t number) const {
  if (!by_id) return std::to_string(number);
  const std::size_t at = *batch.schema->find(id_column);
  const std::int64_t row = number - batch.first_row;
  if (!batch.columns[at].valid(row)) fail_data("row {}: column id is missing", number);
  return value_text(batch.schema->fields[at], batch.columns[at], row);
}

// The place of the first model's row, or how many it has.
std::size_t Comparison::State::find_first(const std::string& key) {
  if (next < keys.size() && keys[next] == key) return next++;
  if (places.empty()) {
    for (std::size_t place = 0; place < keys.size(); ++place) places.emplace(keys[place], place);
  }
  const auto found = places.find(key);
  if (found == places.end()) return keys.size();
  next = found->second + 1;
  return found->second;
}

// By name, or by integer value.
bool Comparison::State::is_same_class(std::int32_t a, std::int32_t b) {
  const auto [place, is_new] = same_classes.try_emplace({a, b}, false);
  if (is_new) {
    const std::string& one = first_reader.names()[static_cast<std::size_t>(a)];
    const std::string& other = second_reader.names()[static_cast<std::size_t>(b)];
    const auto value = find_integer(one);
    place->second = one == other || (value && value == find_integer(other));
  }
  return place->second;
}

void Comparison::State::check_truth(const std::string& key, const LabelledRows& rows, std::int64_t row,
                                    std::size_t place) {
  const auto fail = [&](const std::string& one, const std::string& other) {
    throw data_error("y is '{}' in {}, and '{}' in {}: these are not the same rows", printable(one),
                     printable(first.name), printable(other), printable(second.name))
        .within(row_text(key));
  };
  if (first_reader.has_classes()) {
    const std::int32_t a = outcomes[place].truth, b = rows.truth[static_cast<std::size_t>(row)];
    if (!is_same_class(a, b))
      fail(first_reader.names()[static_cast<std::size_t>(a)],
           second_reader.names()[static_cast<std::size_t>(b)]);
    return;
  }
  const auto width = static_cast<std::size_t>(first_reader.width());
  for (std::size_t i = 0; i < width; ++i) {
    const double a = wanted[place * width + i], b = rows.wanted[static_cast<std::size_t>(row) * width + i];
    if (a != b && !(float_truth && static_cast<float>(a) == static_cast<float>(b)))
      fail(fmt::format("{}", a), fmt::format("{}", b));
  }
}

Comparison::Comparison(Model first, Model second, const EvaluateOptions& options) {
  check(options);
  state_ = std::make_unique<State>(std::move(first), std::move(second), options);
}

Comparison::~Comparison() = default;

void Comparison::add_first(const Batch& batch) {
  State& state = *state_;
  const LabelledRows& rows = state.first_reader.read(batch);
  for (std::int64_t row = 0; row < rows.rows; ++row) {
    state.keys.push_back(state.key_of(batch, rows.numbers[static_cast<std::size_t>(row)]));
    state.outcomes.push_back(outcome_of(state.first_reader, rows, row));
  }
  state.wanted.insert(
      state.wanted.end(), rows.wanted.begin(),
      rows.wanted.begin() + (state.first_reader.has_classes() ? 0 : rows.rows * state.first_reader.width()));
}

void Comparison::add_second(const Batch& batch) {
  State& state = *state_;
  const LabelledRows& rows = state.second_reader.read(batch);
  state.taken.resize(state.keys.size());
  for (std::int64_t row = 0; row < rows.rows; ++row) {
    const std::string key = state.key_of(batch, rows.numbers[static_cast<std::size_t>(row)]);
    const std::size_t place = state.find_first(key);
    if (place == state.keys.size()) {
      ++state.report.second_only;
      if (state.report.only_in_second.empty()) state.report.only_in_second = state.row_text(key);
      continue;
    }
    if (state.taken[place])
      fail_data("{}: is there twice in {}", state.row_text(key), printable(state.second.name));
    state.taken[place] = true;
    state.check_truth(key, rows, row, place);
    const Outcome& a = state.outcomes[place];
    const Outcome b = outcome_of(state.second_reader, rows, row);
    if (a.weight && b.weight && *a.weight != *b.weight)
      fail_data("{}: the weight is {} in {}, and {} in {}", state.row_text(key), *a.weight,
                printable(state.first.name), *b.weight, printable(state.second.name));
    const double weight = a.weight ? *a.weight : b.weight.value_or(1);
    ++state.report.rows;
    state.loss.add(a.loss, b.loss, weight);
    if (!state.first_reader.has_classes()) continue;
    state.accuracy.add(a.correct ? 1 : 0, b.correct ? 1 : 0, weight);
    if (weight > 0 && a.correct != b.correct)
      ++(a.correct ? state.report.first_right : state.report.second_right);
  }
}

void Comparison::finish() {
  State& state = *state_;
  ComparisonReport& report = state.report;
  report.first_only = static_cast<std::int64_t>(state.keys.size()) - report.rows;
  if (report.rows == 0) fail_data("the two have no rows with y in common");
  if (state.loss.weight == 0) fail_data("all rows have the weight 0: nothing to compare with");
  if (report.first_only > 0 || report.second_only > 0) {
    if (!state.by_id) {
      std::string which = report.only_in_second;
      for (std::size_t place = 0; which.empty() && place < state.keys.size(); ++place) {
        if (!state.taken[place]) which = state.row_text(state.keys[place]);
      }
      throw data_error("{} is in {} alone, so these are not the same rows", which,
                       printable(report.only_in_second.empty() ? state.first.name : state.second.name))
          .advise("; a column that --id names says which rows are the same");
    }
    warn("{} rows are in {} alone, {} in {} alone: {} are compared", report.first_only,
         printable(report.first), report.second_only, printable(report.second), report.rows);
  }
  if (state.first_reader.has_classes()) {
    PairedTest test = state.accuracy.test("accuracy", report.confidence);
    test.higher_is_better = true;
    test.first_only = report.first_right;
    test.second_only = report.second_right;
    test.p = mcnemar(report.first_right, report.second_right);
    report.tests.push_back(std::move(test));
    if (state.first_reader.width() > 0 && state.second_reader.width() > 0)
      report.tests.push_back(state.loss.test("log_loss", report.confidence));
  } else {
    report.tests.push_back(state.loss.test("mse", report.confidence));
  }
}

const std::vector<PairedTest>& Comparison::tests() const { return state_->report.tests; }
std::string Comparison::text() const { return to_text(state_->report); }
std::string Comparison::json() const { return to_json(state_->report); }

}  // namespace nn::evaluate
