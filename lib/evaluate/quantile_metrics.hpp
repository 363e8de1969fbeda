// Whether predicted quantiles are what they say.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "evaluate/compensated_sum.hpp"

namespace nn::evaluate {

struct QuantileReport {
  struct Share {
    double quantile = 0, below = 0;  // the share of y that is not above it: to be compared with the quantile
  };
  std::vector<Share> shares;
  // The mean over rows and quantiles of q (y - a) where y is above the answer a, else of (1 - q) (a - y).
  double pinball_loss = 0;
  // From the lowest quantile to the highest, of two and more: the share of y within, what it should be, and
  // the mean distance.
  std::optional<double> coverage, nominal, width;
  std::int64_t crossed = 0;  // rows whose quantiles are not in ascending order
};

// Memory is constant.
class QuantileMetrics {
 public:
  explicit QuantileMetrics(std::vector<double> quantiles)
      : quantiles_(std::move(quantiles)), below_(quantiles_.size()) {}
  // answers [quantiles], finite.
  void add(const double* answers, double truth, double weight);
  QuantileReport report() const;

 private:
  std::vector<double> quantiles_;
  double weight_ = 0;
  std::vector<double> below_;
  double within_ = 0;
  CompensatedSum loss_, distance_;
  std::int64_t crossed_ = 0;
};

}  // namespace nn::evaluate
