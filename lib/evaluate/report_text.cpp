#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "base/text.hpp"
#include "evaluate/report.hpp"

namespace nn::evaluate {
namespace {

// Not more than a table's cell may hold; class names come from outside.
std::string cell(const std::string& name) { return printable(name, 24); }

std::size_t width_of(const std::vector<std::string>& names, std::size_t least) {
  for (const std::string& name : names) least = std::max(least, cell(name).size());
  return least;
}

std::string figures_text(const Results& results) {
  std::size_t width = 18;
  for (const Figure& figure : results.figures)
    if (figure.printed) width = std::max(width, figure.name.size());
  const auto line = [&](std::string_view name, std::string_view value) {
    return fmt::format("{:<{}} {:>10}\n", name, width, value);
  };
  std::string text = line("rows", std::to_string(results.rows));
  if (results.weight) text += line("weight", value_text(results.weight, false));
  if (results.unlabelled > 0) text += line("unlabelled", std::to_string(results.unlabelled));
  if (results.classes.unknown > 0) text += line("unknown_labels", std::to_string(results.classes.unknown));
  for (const Figure& figure : results.figures) {
    if (!figure.printed) continue;
    std::string value = value_text(figure.value, figure.share);
    if (figure.interval)
      value = fmt::format("{:>10}  {} … {}", value, value_text(figure.interval->low, figure.share),
                          value_text(figure.interval->high, figure.share));
    text += line(figure.name, value);
  }
  return text;
}

// The classification report. Weights of rows are in JSON.
std::string per_class_text(const Results& results, bool areas) {
  const ClassReport& report = results.classes;
  const std::size_t width = width_of(results.names, 13);
  std::string text = fmt::format("\n{:<{}} {:>8} {:>9} {:>9} {:>9}{}\n", "class", width, "rows", "precision",
                                 "recall", "f1", areas ? fmt::format(" {:>9} {:>9}", "auc", "avg_prec") : "");
  const auto line = [&](const std::string& name, std::int64_t rows, const MeanFigures& figures,
                        const std::optional<double>& auc, const std::optional<double>& precision) {
    text += fmt::format("{:<{}} {:>8} {:>9.4f} {:>9.4f} {:>9.4f}", name, width, rows, figures.precision,
                        figures.recall, figures.f1);
    if (areas) text += fmt::format(" {:>9} {:>9}", value_text(auc, true), value_text(precision, true));
    text += "\n";
  };
  for (std::size_t c = 0; c < results.names.size(); ++c) {
    const ClassFigures& figures = report.classes[c];
    line(cell(results.names[c]), figures.support, {figures.precision, figures.recall, figures.f1},
         figures.auc, figures.average_precision);
  }
  const bool several = results.known != 2;  // areas of two classes are no means
  line("macro mean", report.rows, report.macro, several ? report.auc : std::nullopt,
       several ? report.average_precision : std::nullopt);
  line("weighted mean", report.rows, report.weighted, {}, {});
  return text;
}

// Of targets of unlike scale the figures of all together say little. Many values are one thing: an image.
constexpr std::size_t most_values = 16;

std::string values_text(const Results& results) {
  const std::size_t width = width_of(results.value_names, 5);
  std::string text = fmt::format("\n{:<{}} {:>10} {:>13} {:>10} {:>10} {:>8}\n", "value", width, "rmse",
                                 "baseline_rmse", "mae", "bias", "r2");
  for (std::size_t i = 0; i < results.values.size(); ++i) {
    const ValueReport& value = results.values[i];
    text += fmt::format("{:<{}} {:>10.6g} {:>13.6g} {:>10.6g} {:>10.4g} {:>8}\n",
                        cell(results.value_names[i]), width, value.rmse, value.baseline_rmse, value.mae,
                        value.bias, value_text(value.r2, true));
  }
  return text;
}

std::string confusion_text(const Results& results) {
  const std::vector<std::string>& names = results.names;
  const std::size_t left = width_of(names, 1);
  std::size_t width = left;
  for (const std::int64_t count : results.classes.confusion)
    width = std::max(width, fmt::formatted_size("{}", count));
  std::string text =
      fmt::format("\nconfusion (a line for each class of y, a column for each answer)\n{:<{}}", "", left);
  for (const std::string& name : names) text += fmt::format(" {:>{}}", cell(name), width);
  text += "\n";
  for (std::size_t truth = 0; truth < names.size(); ++truth) {
    text += fmt::format("{:<{}}", cell(names[truth]), left);
    for (std::size_t answer = 0; answer < names.size(); ++answer)
      text += fmt::format(" {:>{}}", results.classes.confusion[truth * names.size() + answer], width);
    text += "\n";
  }
  return text;
}

std::string calibration_text(const ClassReport& report) {
  std::string text = fmt::format("\n{:<13} {:>8} {:>10} {:>9}\n", "confidence", "rows", "mean", "accuracy");
  const auto bins = static_cast<double>(report.bins.size());
  for (std::size_t b = 0; b < report.bins.size(); ++b) {
    const CalibrationBin& bin = report.bins[b];
    if (bin.weight == 0) continue;
    const auto at = static_cast<double>(b);
    text += fmt::format("{:.3f} - {:.3f} {:>8} {:>10.4f} {:>9.4f}\n", at / bins, (at + 1) / bins, bin.rows,
                        bin.confidence, bin.accuracy);
  }
  return text;
}

std::string thresholds_text(const Results& results) {
  if (results.thresholds.empty())
    return "\nthresholds: y is of one class only, there is nothing to choose between\n";
  std::string text = fmt::format(
      "\nanswer '{}' from a probability of\n{:<9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}\n",
      cell(results.names[1]), "threshold", "precision", "recall", "fpr", "f1", "youden", "accuracy");
  for (const ThresholdFigures& figures : results.thresholds) {
    text += fmt::format("{:<9.6g} {:>9.4f} {:>9.4f} {:>9.4f} {:>9.4f} {:>9.4f} {:>9.4f}{}{}\n",
                        figures.threshold, figures.precision, figures.recall, figures.false_positive_rate,
                        figures.f1, figures.youden, figures.accuracy, figures.best_f1 ? "  best f1" : "",
                        figures.best_youden ? "  best youden" : "");
  }
  return text;
}

}  // namespace

std::string value_text(const std::optional<double>& value, bool share) {
  if (!value || std::isnan(*value)) return "-";
  return share ? fmt::format("{:.4f}", *value) : fmt::format("{:.6g}", *value);
}

std::string to_text(const Results& results, const EvaluateOptions& options) {
  std::string text = figures_text(results);
  if (options.confidence)
    text += fmt::format("\nintervals: {:g} % by the percentiles of {} bootstrap draws of the rows, seed {}\n",
                        *options.confidence, options.resamples, options.seed);
  if (!results.values.empty() && results.values.size() <= most_values) text += values_text(results);
  if (!results.has_classes) return text;
  if (options.per_class) text += per_class_text(results, options.auc);
  if (options.confusion) text += confusion_text(results);
  if (options.calibration && !results.classes.bins.empty()) text += calibration_text(results.classes);
  if (options.thresholds) text += thresholds_text(results);
  return text;
}

}  // namespace nn::evaluate
