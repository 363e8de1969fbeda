// Sums that do not drift with the number of their terms.
#pragma once

#include <cmath>

namespace nn::evaluate {

// Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", 1974. A sum that leaves
// the range of a double is infinite, as a plain one would be.
class CompensatedSum {
 public:
  void add(double value) {
    const double next = sum_ + value;
    lost_ += std::abs(sum_) >= std::abs(value) ? (sum_ - next) + value : (value - next) + sum_;
    sum_ = next;
  }
  double value() const { return std::isfinite(sum_) ? sum_ + lost_ : sum_; }

 private:
  double sum_ = 0, lost_ = 0;
};

}  // namespace nn::evaluate
