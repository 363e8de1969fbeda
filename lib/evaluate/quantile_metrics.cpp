#include "evaluate/quantile_metrics.hpp"

#include <algorithm>
#include <cstddef>

#include "model/pinball.hpp"

namespace nn::evaluate {

void QuantileMetrics::add(const double* answers, double truth, double weight) {
  const std::size_t count = quantiles_.size();
  if (!std::is_sorted(answers, answers + count)) ++crossed_;
  if (weight == 0) return;
  weight_ += weight;
  for (std::size_t i = 0; i < count; ++i) {
    const double distance = truth - answers[i];
    if (distance <= 0) below_[i] += weight;
    loss_.add(weight * model::pinball_loss(quantiles_[i], distance));
  }
  const double low = answers[0], high = answers[count - 1];
  if (low <= truth && truth <= high) within_ += weight;
  distance_.add(weight * (high - low));
}

QuantileReport QuantileMetrics::report() const {
  QuantileReport report;
  report.crossed = crossed_;
  if (weight_ == 0) return report;
  for (std::size_t i = 0; i < quantiles_.size(); ++i)
    report.shares.push_back({quantiles_[i], below_[i] / weight_});
  report.pinball_loss = loss_.value() / weight_ / static_cast<double>(quantiles_.size());
  if (quantiles_.size() < 2) return report;
  report.coverage = within_ / weight_;
  report.nominal = quantiles_.back() - quantiles_.front();
  report.width = distance_.value() / weight_;
  return report;
}

}  // namespace nn::evaluate
