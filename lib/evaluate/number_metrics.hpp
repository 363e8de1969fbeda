// Figures of answered numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "evaluate/compensated_sum.hpp"

namespace nn::evaluate {

// Of rows with several values, means over these. Infinite where a sum leaves the range of a double.
struct NumberReport {
  std::int64_t rows = 0;
  std::optional<double> weight = {};  // of all rows, where they have weights
  double mse = 0, rmse = 0, mae = 0;
  double bias = 0;                           // mean of prediction - y
  double max_error = 0;                      // of rows that have a weight
  double baseline_rmse = 0;                  // of always answering the mean of y
  std::optional<double> mape;                // mean of |prediction - y| / |y|; nothing where a y is 0
  std::optional<double> r2;                  // nothing where y is constant
  std::optional<double> explained_variance;  // r2 without the bias; nothing where y is constant
};

// Of one value of rows that have several, which may be of unlike scale.
struct ValueReport {
  double rmse = 0, mae = 0, bias = 0, baseline_rmse = 0;
  std::optional<double> r2;
};

// Sums are compensated; memory is constant.
class NumberMetrics {
 public:
  explicit NumberMetrics(std::int64_t width) : values_(static_cast<std::size_t>(width)) {}
  // One row: prediction [width] and truth [width], finite.
  void add(const double* prediction, const double* truth, std::optional<double> weight = {});
  NumberReport report() const;
  // Of each value of a row; zeros where no row has a weight.
  std::vector<ValueReport> values() const;

 private:
  // Sum of squared distances from the mean: Welford 1962, with weights West 1979. Values are taken from the
  // first one, so that their mean has digits for what they differ by.
  struct Deviation {
    std::optional<double> origin;
    double mean = 0;
    CompensatedSum squares;
    // `all` is the weight of all so far, with it.
    void add(double value, double weight, double all) {
      if (!origin) origin = value;
      const double before = (value - *origin) - mean;
      mean += weight * before / all;
      squares.add(weight * before * ((value - *origin) - mean));
    }
  };
  struct Value {
    CompensatedSum squared, absolute, relative, difference;
    Deviation of_truth, of_difference;
    bool has_zero = false;  // in y
  };
  std::int64_t rows_ = 0;
  bool weighted_ = false;
  double weight_ = 0;
  double max_error_ = 0;
  std::vector<Value> values_;
};

// The value of `values` [n] below which a share of their weight is, between 0 and 1; where that is exactly
// between two, their mean (scikit-learn's weighted median, NumPy's averaged_inverted_cdf). `weights` [n],
// empty: 1 each. Nothing where there is no weight.
std::optional<double> weighted_quantile(std::span<const double> values, std::span<const double> weights,
                                        double share);

}  // namespace nn::evaluate
