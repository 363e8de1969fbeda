#include <fmt/format.h>

#include <cstddef>

#include "evaluate/results.hpp"

namespace nn::evaluate {

std::vector<Figure> figures_of(const ClassReport& report, bool has_probabilities,
                               const EvaluateOptions& options) {
  std::vector<Figure> figures = {
      {"accuracy", report.accuracy},
      {.name = "baseline_accuracy", .value = report.baseline_accuracy, .drawn = false}};
  if (options.top_k > 0 && has_probabilities)
    figures.push_back({fmt::format("top_{}_accuracy", options.top_k), report.top_k_accuracy});
  figures.push_back({.name = "log_loss", .value = report.log_loss, .printed = has_probabilities});
  figures.push_back({.name = "brier", .value = report.brier, .printed = has_probabilities});
  figures.push_back(
      {.name = "calibration_error", .value = report.calibration_error, .printed = has_probabilities});
  const auto add = [&](std::string_view which, const MeanFigures& mean, bool printed) {
    figures.push_back(
        {.name = fmt::format("{}_precision", which), .value = mean.precision, .printed = printed});
    figures.push_back({.name = fmt::format("{}_recall", which), .value = mean.recall, .printed = printed});
    figures.push_back({.name = fmt::format("{}_f1", which), .value = mean.f1, .printed = printed});
  };
  add("macro", report.macro, true);
  // For people they stand in the table of classes.
  add("weighted", report.weighted, false);
  figures.push_back({"balanced_accuracy", report.balanced_accuracy});
  figures.push_back({"mcc", report.mcc});
  if (options.auc) {
    figures.push_back({"auc", report.auc});
    figures.push_back({"average_precision", report.average_precision});
  }
  return figures;
}

std::vector<Figure> figures_of(const NumberReport& report) {
  const auto number = [](std::string name, double value, bool drawn = true) {
    return Figure{.name = std::move(name), .value = value, .share = false, .drawn = drawn};
  };
  return {number("rmse", report.rmse),
          number("baseline_rmse", report.baseline_rmse, false),
          number("mse", report.mse),
          number("mae", report.mae),
          number("max_error", report.max_error, false),
          number("bias", report.bias),
          {"r2", report.r2},
          {"explained_variance", report.explained_variance},
          {"mape", report.mape}};
}

std::vector<Figure> figures_of(const UncertaintyReport& report, bool has_classes, bool has_deviations) {
  if (has_classes) return {{"uncertainty_auroc", report.auroc}};
  std::vector<Figure> figures = {{.name = "uncertainty_rms", .value = report.rms, .share = false},
                                 {"uncertainty_corr", report.correlation},
                                 {"coverage_68", report.coverage_68},
                                 {"coverage_95", report.coverage_95}};
  if (has_deviations) figures.push_back({.name = "nll", .value = report.nll, .share = false});
  return figures;
}

std::vector<Figure> figures_of(const QuantileReport& report) {
  std::vector<Figure> figures = {{.name = "pinball_loss", .value = report.pinball_loss, .share = false}};
  for (const QuantileReport::Share& share : report.shares)
    figures.push_back({fmt::format("below_q{}", share.quantile), share.below});
  if (!report.coverage) return figures;
  figures.push_back({fmt::format("coverage_{:.3g}", *report.nominal * 100), report.coverage});
  figures.push_back({.name = "interval_width", .value = report.width, .share = false});
  return figures;
}

std::vector<Figure> figures_of(const ErrorQuantiles& quantiles) {
  return {{.name = "median_absolute_error", .value = quantiles.median, .share = false},
          {.name = "q90_absolute_error", .value = quantiles.q90, .share = false},
          {.name = "q95_absolute_error", .value = quantiles.q95, .share = false},
          {.name = "q99_absolute_error", .value = quantiles.q99, .share = false}};
}

Ranking ranking_of(const KeptRows& kept, std::size_t known, std::size_t c) {
  const std::size_t rows = kept.truth.size();
  std::vector<double> scores(rows);
  std::vector<bool> positive(rows);
  for (std::size_t row = 0; row < rows; ++row) {
    scores[row] = kept.outputs[row * known + c];
    positive[row] = kept.truth[row] == static_cast<std::int32_t>(c);
  }
  return {scores, positive};
}

void add_areas(ClassReport& report, const std::vector<Areas>& areas) {
  double sums[2] = {0, 0}, counts[2] = {0, 0};
  const auto add = [&](int which, const std::optional<double>& area) {
    if (!area) return;
    sums[which] += *area;
    counts[which] += 1;
  };
  for (std::size_t c = 0; c < areas.size(); ++c) {
    report.classes[c].auc = areas[c].roc;
    report.classes[c].average_precision = areas[c].average_precision;
    add(0, areas[c].roc);
    add(1, areas[c].average_precision);
  }
  if (areas.size() == 2) {
    report.auc = areas[1].roc;
    report.average_precision = areas[1].average_precision;
    return;
  }
  if (counts[0] > 0) report.auc = sums[0] / counts[0];
  if (counts[1] > 0) report.average_precision = sums[1] / counts[1];
}

}  // namespace nn::evaluate
