#include "evaluate/evaluate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "evaluate/pictures.hpp"
#include "evaluate/prediction_reader.hpp"
#include "evaluate/report.hpp"
#include "evaluate/results.hpp"

namespace nn::evaluate {
namespace {

// Where a figure is not defined, NaN.
std::vector<double> values_of(const std::vector<Figure>& figures) {
  std::vector<double> values;
  values.reserve(figures.size());
  for (const Figure& figure : figures)
    values.push_back(figure.value.value_or(std::numeric_limits<double>::quiet_NaN()));
  return values;
}

std::vector<Figure> defined(std::vector<Figure> figures, std::optional<double> weight) {
  for (Figure& figure : figures) {
    if (weight == 0.0) figure.value.reset();
  }
  return figures;
}

// The root of the mean squared difference.
double error_of(const double* a, const double* b, std::int64_t width) {
  double squares = 0;
  for (std::int64_t i = 0; i < width; ++i) squares += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(squares / static_cast<double>(width));
}

}  // namespace

struct Evaluation::State {
  State(std::shared_ptr<const Schema> schema, const EvaluateOptions& options, bool with_pictures);
  void add_classes(const LabelledRows& rows);
  void add_numbers(const LabelledRows& rows);
  void keep(const LabelledRows& rows);
  void finish_classes();
  void finish_numbers();
  void add_intervals();
  std::vector<Figure> drawn_figures(std::span<const std::uint32_t> counts) const;
  double error_quantile(double share) const;

  EvaluateOptions options;
  bool with_pictures;
  PredictionReader reader;
  ClassMetrics classes;
  NumberMetrics numbers;
  UncertaintyMetrics uncertainty;
  QuantileMetrics quantiles;
  bool keeps_rows = false, keeps_outputs = false, keeps_scores = false;
  std::vector<Ranking> rankings;  // where they are needed for intervals
  Results results;
};

Evaluation::State::State(std::shared_ptr<const Schema> schema, const EvaluateOptions& wishes, bool pictures)
    : options(wishes),
      with_pictures(pictures),
      reader(std::move(schema), options),
      classes({reader.known(), options.top_k, options.confusion || pictures}),
      numbers(reader.width()),
      quantiles(reader.quantiles()) {
  if (reader.has_classes()) {
    if (reader.width() == 0 &&
        (options.top_k > 0 || options.auc || options.calibration || options.thresholds))
      fail_data("--top-k, --auc, --thresholds and --calibration need probabilities, there are only labels");
    if (options.thresholds && reader.width() != 2)
      fail_usage("--thresholds is for two classes; here are {}", reader.width());
    if (options.quantiles) fail_usage("--quantiles is for predicted numbers; these are classes");
    keeps_outputs = reader.width() > 0 && (options.auc || options.thresholds || with_pictures);
    keeps_scores = reader.width() > 0 && options.confidence;
    keeps_rows = keeps_outputs || options.confidence;
  } else {
    if (options.top_k > 0 || options.auc || options.calibration || options.thresholds || options.per_class ||
        options.confusion || options.threshold)
      warn("these are predictions of numbers: options for classes have nothing to show");
    keeps_rows = keeps_outputs = options.confidence || options.quantiles || with_pictures;
  }
  results.has_classes = reader.has_classes();
  results.width = reader.width();
  results.known = static_cast<std::size_t>(reader.known());
}

void Evaluation::State::add_classes(const LabelledRows& rows) {
  const std::int64_t known = reader.known();
  for (std::int64_t row = 0; row < rows.rows; ++row) {
    const auto at = static_cast<std::size_t>(row);
    const std::int32_t truth = rows.truth[at], answer = rows.answers[at];
    Score score;
    if (known > 0) score = score_of(rows.outputs.data() + row * known, known, truth, options.top_k);
    classes.add(truth, answer, known > 0 ? &score : nullptr, rows.weight(row));
    if (keeps_scores) results.kept.scores.push_back(score);
    if (reader.has_uncertainty())
      uncertainty.add_answer(rows.uncertainty[at], truth != answer, rows.weight(row).value_or(1));
  }
}

void Evaluation::State::add_numbers(const LabelledRows& rows) {
  const std::int64_t width = reader.width();
  for (std::int64_t row = 0; row < rows.rows; ++row) {
    const double* predicted = rows.outputs.data() + row * width;
    const double* wanted = rows.wanted.data() + row * width;
    numbers.add(predicted, wanted, rows.weight(row));
    if (const auto each = static_cast<std::int64_t>(reader.quantiles().size()); each > 0)
      quantiles.add(rows.quantiles.data() + row * each, *wanted, rows.weight(row).value_or(1));
    if (!reader.has_uncertainty()) continue;
    double deviation = rows.uncertainty[static_cast<std::size_t>(row)];
    if (deviation < 0)
      fail_data("row {}: {} is no uncertainty", rows.numbers[static_cast<std::size_t>(row)], deviation);
    if (reader.uncertainty_kind() == UncertaintyKind::variance) deviation = std::sqrt(deviation);
    uncertainty.add_error(deviation, error_of(predicted, wanted, width), rows.weight(row).value_or(1));
  }
}

void Evaluation::State::keep(const LabelledRows& rows) {
  const auto append = [&](auto& to, const auto& from, std::int64_t each) {
    to.insert(to.end(), from.begin(), from.begin() + rows.rows * each);
  };
  KeptRows& kept = results.kept;
  if (keeps_outputs) append(kept.outputs, rows.outputs, reader.width());
  if (reader.has_classes()) {
    append(kept.truth, rows.truth, 1);
    append(kept.answers, rows.answers, 1);
  } else {
    append(kept.wanted, rows.wanted, reader.width());
  }
  if (!rows.weights.empty()) append(kept.weights, rows.weights, 1);
}

void Evaluation::State::finish_classes() {
  results.names = reader.names();
  results.classes = classes.report(results.names.size());
  results.rows = results.classes.rows;
  results.weight = results.classes.weight;
  if (keeps_outputs) {
    std::vector<Areas> areas;
    for (std::size_t c = 0; c < results.known; ++c) {
      Ranking ranking = ranking_of(results.kept, results.known, c);
      areas.push_back(ranking.areas(results.kept.weights));
      if (results.known == 2 && c == 1 && (options.thresholds || with_pictures))
        results.thresholds = threshold_table(ranking.points(results.kept.weights));
      if (options.confidence && options.auc) rankings.push_back(std::move(ranking));
    }
    add_areas(results.classes, areas);
  }
  results.figures = figures_of(results.classes, results.known > 0, options);
}

double Evaluation::State::error_quantile(double share) const {
  const auto width = static_cast<std::size_t>(reader.width());
  const std::size_t rows = results.kept.wanted.size() / width;
  std::vector<double> errors(rows);
  double sum = 0;
  for (std::size_t i = 0; i < width; ++i) {
    for (std::size_t row = 0; row < rows; ++row)
      errors[row] = std::abs(results.kept.outputs[row * width + i] - results.kept.wanted[row * width + i]);
    sum += weighted_quantile(errors, results.kept.weights, share).value_or(0);
  }
  return sum / static_cast<double>(width);
}

void Evaluation::State::finish_numbers() {
  results.numbers = numbers.report();
  results.rows = results.numbers.rows;
  results.weight = results.numbers.weight;
  results.figures = figures_of(results.numbers);
  if (reader.width() > 1) {
    results.values = numbers.values();
    results.value_names = reader.value_names();
  }
  if (!reader.quantiles().empty()) results.predicted_quantiles = quantiles.report();
  results.has_deviations = reader.has_deviations() && !options.uncertainty;
  if (!options.quantiles) return;
  constexpr double shares[] = {0.5, 0.9, 0.95, 0.99};
  results.quantiles = {error_quantile(shares[0]), error_quantile(shares[1]), error_quantile(shares[2]),
                       error_quantile(shares[3])};
}

// The figures of rows that are there as often as `counts` say; none is defined where these have no weight.
std::vector<Figure> Evaluation::State::drawn_figures(std::span<const std::uint32_t> counts) const {
  const KeptRows& kept = results.kept;
  const auto weight_of = [&](std::size_t row) {
    return counts[row] * (kept.weights.empty() ? 1.0 : kept.weights[row]);
  };
  if (!reader.has_classes()) {
    NumberMetrics drawn(reader.width());
    const auto width = static_cast<std::size_t>(reader.width());
    for (std::size_t row = 0; row < counts.size(); ++row) {
      if (counts[row] > 0)
        drawn.add(kept.outputs.data() + row * width, kept.wanted.data() + row * width, weight_of(row));
    }
    return defined(figures_of(drawn.report()), drawn.report().weight);
  }
  ClassMetrics drawn({reader.known(), options.top_k, false});
  for (std::size_t row = 0; row < counts.size(); ++row) {
    if (counts[row] > 0)
      drawn.add(kept.truth[row], kept.answers[row], keeps_scores ? &kept.scores[row] : nullptr,
                weight_of(row));
  }
  ClassReport report = drawn.report(results.names.size());
  if (options.auc) {
    std::vector<double> weights(counts.size());
    for (std::size_t row = 0; row < counts.size(); ++row) weights[row] = weight_of(row);
    std::vector<Areas> areas;
    for (const Ranking& ranking : rankings) areas.push_back(ranking.areas(weights));
    add_areas(report, areas);
  }
  return defined(figures_of(report, results.known > 0, options), report.weight);
}

void Evaluation::State::add_intervals() {
  if (results.rows > std::numeric_limits<std::uint32_t>::max())
    fail_data("{} rows are too many to be drawn again", results.rows);
  const auto intervals =
      bootstrap(results.rows, {*options.confidence, options.resamples, options.seed},
                [&](std::span<const std::uint32_t> counts) { return values_of(drawn_figures(counts)); });
  for (std::size_t f = 0; f < intervals.size(); ++f) {
    if (results.figures[f].value && results.figures[f].drawn) results.figures[f].interval = intervals[f];
  }
}

Evaluation::Evaluation(std::shared_ptr<const Schema> schema, const EvaluateOptions& options,
                       bool with_pictures)
    : state_(std::make_unique<State>(std::move(schema), options, with_pictures)) {}

Evaluation::~Evaluation() = default;

void Evaluation::add(const Batch& batch) {
  const LabelledRows& rows = state_->reader.read(batch);
  if (state_->reader.has_classes()) {
    state_->add_classes(rows);
  } else {
    state_->add_numbers(rows);
  }
  if (state_->keeps_rows) state_->keep(rows);
}

void Evaluation::finish() {
  State& state = *state_;
  Results& results = state.results;
  results.unlabelled = state.reader.unlabelled();
  if (state.reader.has_classes()) {
    state.finish_classes();
  } else {
    state.finish_numbers();
  }
  if (results.rows == 0)
    fail_data("{}", results.unlabelled > 0 ? "no row has y: nothing to compare with" : "no rows");
  if (results.weight == 0.0) fail_data("all rows have the weight 0: nothing to compare with");
  if (!state.reader.first_unknown().empty())
    warn("{} of {} rows have a class in y that the model does not know (first: {}); they count as wrong",
         results.classes.unknown, results.rows, state.reader.first_unknown());
  if (const auto& sums = state.reader.wrong_sums(); sums.rows > 0)
    warn(
        "the probabilities of {} of {} rows do not sum to 1 (first: {:.4g} in row {}); they are taken as "
        "they are",
        sums.rows, results.rows, sums.sum, sums.first);
  if (state.options.confidence) state.add_intervals();
  if (state.options.quantiles) {
    for (Figure& figure : figures_of(results.quantiles)) results.figures.push_back(std::move(figure));
  }
  if (results.predicted_quantiles) {
    if (const auto crossed = results.predicted_quantiles->crossed; crossed > 0)
      warn("the quantiles of {} of {} rows are not in ascending order", crossed, results.rows);
    for (Figure& figure : figures_of(*results.predicted_quantiles))
      results.figures.push_back(std::move(figure));
  }
  if (!state.reader.has_uncertainty()) return;
  results.uncertainty = state.uncertainty.report();
  for (Figure& figure : figures_of(*results.uncertainty, results.has_classes, results.has_deviations))
    results.figures.push_back(std::move(figure));
}

std::string Evaluation::text() const { return to_text(state_->results, state_->options); }

std::string Evaluation::page(const std::string& title) const {
  return page_of(state_->results, state_->options, title);
}

std::string Evaluation::pictures(std::size_t columns) const { return picture_text(state_->results, columns); }

std::string Evaluation::json() const { return to_json(state_->results, state_->options); }

}  // namespace nn::evaluate
