#include "evaluate/uncertainty_metrics.hpp"

#include <cmath>

#include "evaluate/ranking.hpp"

namespace nn::evaluate {

void UncertaintyMetrics::add_answer(double uncertainty, bool wrong, double weight) {
  uncertainty_.push_back(uncertainty);
  wrong_.push_back(wrong);
  weights_.push_back(weight);
}

void UncertaintyMetrics::add_error(double deviation, double error, double weight) {
  if (weight == 0) return;
  constexpr double normal_95 = 1.959963984540054, log_root_2_pi = 0.9189385332046727;
  weight_ += weight;
  squared_.add(weight * deviation * deviation);
  if (error <= deviation) within_68_ += weight;
  if (error <= normal_95 * deviation) within_95_ += weight;
  const double ratio = error / deviation;
  nll_.add(weight * (std::log(deviation) + ratio * ratio / 2 + log_root_2_pi));
  const double share = weight / weight_;
  const double deviation_before = deviation - mean_deviation_, error_before = error - mean_error_;
  mean_deviation_ += share * deviation_before;
  mean_error_ += share * error_before;
  deviations_.add(weight * deviation_before * (deviation - mean_deviation_));
  errors_.add(weight * error_before * (error - mean_error_));
  products_.add(weight * deviation_before * (error - mean_error_));
}

UncertaintyReport UncertaintyMetrics::report() const {
  UncertaintyReport report;
  if (!uncertainty_.empty()) {
    report.auroc = Ranking(uncertainty_, wrong_).areas(weights_).roc;
    return report;
  }
  if (weight_ == 0) return report;
  report.rms = std::sqrt(squared_.value() / weight_);
  report.coverage_68 = within_68_ / weight_;
  report.coverage_95 = within_95_ / weight_;
  report.nll = nll_.value() / weight_;
  if (deviations_.value() > 0 && errors_.value() > 0)
    report.correlation = products_.value() / std::sqrt(deviations_.value()) / std::sqrt(errors_.value());
  return report;
}

}  // namespace nn::evaluate
