#include "evaluate/number_metrics.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace nn::evaluate {

void NumberMetrics::add(const double* prediction, const double* truth, std::optional<double> given) {
  ++rows_;
  const double weight = given.value_or(1);
  weighted_ = weighted_ || given;
  if (weight == 0) return;
  weight_ += weight;
  for (std::size_t i = 0; i < values_.size(); ++i) {
    Value& value = values_[i];
    const double difference = prediction[i] - truth[i], distance = std::abs(difference);
    value.squared.add(weight * difference * difference);
    value.absolute.add(weight * distance);
    value.difference.add(weight * difference);
    value.has_zero = value.has_zero || truth[i] == 0;
    if (!value.has_zero) value.relative.add(weight * distance / std::abs(truth[i]));
    max_error_ = std::max(max_error_, distance);
    value.of_truth.add(truth[i], weight, weight_);
    value.of_difference.add(difference, weight, weight_);
  }
}

NumberReport NumberMetrics::report() const {
  NumberReport report;
  report.rows = rows_;
  if (weighted_) report.weight = weight_;
  report.max_error = max_error_;
  if (weight_ == 0) return report;
  double deviation = 0, r2 = 0, explained = 0, relative = 0;
  bool varies = true, has_zero = false;
  for (const Value& value : values_) {
    const double of_truth = value.of_truth.squares.value();
    report.mse += value.squared.value();
    report.mae += value.absolute.value();
    report.bias += value.difference.value();
    relative += value.relative.value();
    has_zero = has_zero || value.has_zero;
    deviation += of_truth;
    varies = varies && of_truth > 0;
    r2 += 1 - value.squared.value() / of_truth;
    explained += 1 - value.of_difference.squares.value() / of_truth;
  }
  const auto width = static_cast<double>(values_.size());
  const double count = weight_ * width;
  report.mse /= count;
  report.mae /= count;
  report.bias /= count;
  report.rmse = std::sqrt(report.mse);
  report.baseline_rmse = std::sqrt(deviation / count);
  if (!has_zero) report.mape = relative / count;
  if (varies) {
    report.r2 = r2 / width;
    report.explained_variance = explained / width;
  }
  return report;
}

std::vector<ValueReport> NumberMetrics::values() const {
  std::vector<ValueReport> reports(values_.size());
  for (std::size_t i = 0; weight_ > 0 && i < values_.size(); ++i) {
    const Value& value = values_[i];
    const double of_truth = value.of_truth.squares.value();
    ValueReport& report = reports[i];
    report.rmse = std::sqrt(value.squared.value() / weight_);
    report.mae = value.absolute.value() / weight_;
    report.bias = value.difference.value() / weight_;
    report.baseline_rmse = std::sqrt(of_truth / weight_);
    if (of_truth > 0) report.r2 = 1 - value.squared.value() / of_truth;
  }
  return reports;
}

std::optional<double> weighted_quantile(std::span<const double> values, std::span<const double> weights,
                                        double share) {
  std::vector<std::pair<double, double>> sorted;
  sorted.reserve(values.size());
  double all = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double weight = weights.empty() ? 1 : weights[i];
    if (weight == 0) continue;
    sorted.emplace_back(values[i], weight);
    all += weight;
  }
  if (sorted.empty()) return std::nullopt;
  std::sort(sorted.begin(), sorted.end());
  const double wanted = share * all, slack = all * 1e-14;
  double below = 0;
  for (std::size_t i = 0; i + 1 < sorted.size(); ++i) {
    below += sorted[i].second;
    if (below > wanted + slack) return sorted[i].first;
    if (below >= wanted - slack) return sorted[i].first + (sorted[i + 1].first - sorted[i].first) / 2;
  }
  return sorted.back().first;
}

}  // namespace nn::evaluate
