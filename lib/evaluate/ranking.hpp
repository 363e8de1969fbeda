// How well scores tell positive rows from negative ones: areas under curves, the curves, and thresholds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace nn::evaluate {

// Areas under two curves over all thresholds. `roc`: ties count half (Mann-Whitney); nothing without positive
// or without negative rows. `average_precision`: the sum over thresholds of the precision there times what
// the recall grows by (scikit-learn's average_precision_score), nothing without positive rows.
struct Areas {
  std::optional<double> roc, average_precision;
};

// What is answered where a row is positive if its score is at least `threshold`.
struct OperatingPoint {
  double threshold = 0;
  double true_positives = 0, false_positives = 0;  // weights of rows
};

// Rows in the order of their scores, once: 4 bytes a row. Immutable; thread-safe.
class Ranking {
 public:
  // `scores` [rows] are finite; positive [rows].
  Ranking(std::span<const double> scores, const std::vector<bool>& positive);

  // `weights` [rows] of the rows in their own order; empty: 1 each.
  Areas areas(std::span<const double> weights = {}) const;
  // One for each different score of rows that have a weight, from the highest down.
  std::vector<OperatingPoint> points(std::span<const double> weights = {}) const;

 private:
  // Calls group(score, positives, negatives) for each different score, from the highest down.
  template <typename Group>
  void each_group(std::span<const double> weights, Group group) const;

  struct Place {
    double score;
    std::uint32_t row;
  };
  std::vector<std::uint32_t> order_;  // row × 2 + whether it is positive, by falling scores
  std::vector<std::uint32_t> ends_;   // of each group of equal scores: behind its last place
  std::vector<double> group_scores_;
};

// What an answer of the second of two classes from a threshold on comes to.
struct ThresholdFigures {
  double threshold = 0;
  double precision = 0, recall = 0, f1 = 0;  // of the second class; 0 where the denominator is
  double false_positive_rate = 0, youden = 0, accuracy = 0;  // youden: recall - false_positive_rate
  bool best_f1 = false, best_youden = false;
};

// 0.1, 0.2, … 0.9, and the thresholds with the best F1 and with the best Youden's index, of equal ones the
// higher; by rising threshold. `points` as from Ranking; empty without positive or without negative rows.
std::vector<ThresholdFigures> threshold_table(const std::vector<OperatingPoint>& points);

}  // namespace nn::evaluate
