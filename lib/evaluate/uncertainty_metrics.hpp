// Whether an answer's uncertainty says how wrong it is.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "evaluate/compensated_sum.hpp"

namespace nn::evaluate {

struct UncertaintyReport {
  // Of classes: the area under the ROC curve of telling wrong answers by their uncertainty: 0.5 where it says
  // nothing, 1 where all wrong answers are less sure than all right ones.
  std::optional<double> auroc;
  // Of numbers, where an uncertainty is a standard deviation and a row's error the root of the mean squared
  // error of its values.
  std::optional<double> rms;          // root of the mean squared uncertainty: to be compared with rmse
  std::optional<double> correlation;  // Pearson's, with the error
  // Shares of rows whose error is within 1 and 1.96 standard deviations: 0.683 and 0.95 for Gaussian errors.
  std::optional<double> coverage_68, coverage_95;
  // The mean negative logarithm of the density of a normal distribution with that deviation; infinite where a
  // deviation is 0 and the error isn't.
  std::optional<double> nll;
};

// Of classes it keeps 17 bytes a row.
class UncertaintyMetrics {
 public:
  void add_answer(double uncertainty, bool wrong, double weight);
  void add_error(double deviation, double error, double weight);
  UncertaintyReport report() const;

 private:
  std::vector<double> uncertainty_, weights_;
  std::vector<bool> wrong_;

  double weight_ = 0, within_68_ = 0, within_95_ = 0;
  double mean_deviation_ = 0, mean_error_ = 0;
  CompensatedSum squared_, deviations_, errors_, products_;  // but for the first about the means
  CompensatedSum nll_;
};

}  // namespace nn::evaluate
