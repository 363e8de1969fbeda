#include "evaluate/ranking.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace nn::evaluate {

Ranking::Ranking(std::span<const double> scores, const std::vector<bool>& positive) {
  if (scores.size() >= std::size_t{1} << 31) fail_data("{} rows are too many to be ranked", scores.size());
  std::vector<Place> places(scores.size());
  for (std::size_t row = 0; row < scores.size(); ++row)
    places[row] = {scores[row], static_cast<std::uint32_t>(row)};
  std::sort(places.begin(), places.end(), [](const Place& a, const Place& b) { return a.score > b.score; });
  order_.reserve(places.size());
  for (std::size_t at = 0; at < places.size(); ++at) {
    order_.push_back(places[at].row << 1 | static_cast<std::uint32_t>(positive[places[at].row]));
    if (at + 1 < places.size() && places[at + 1].score == places[at].score) continue;
    ends_.push_back(static_cast<std::uint32_t>(at + 1));
    group_scores_.push_back(places[at].score);
  }
}

template <typename Group>
void Ranking::each_group(std::span<const double> weights, Group group) const {
  std::size_t at = 0;
  for (std::size_t g = 0; g < ends_.size(); ++g) {
    double sums[2] = {0, 0};
    for (; at < ends_[g]; ++at) sums[order_[at] & 1] += weights.empty() ? 1 : weights[order_[at] >> 1];
    group(group_scores_[g], sums[1], sums[0]);
  }
}

Areas Ranking::areas(std::span<const double> weights) const {
  double pairs = 0, precision = 0, positives = 0, negatives = 0;
  each_group(weights, [&](double, double here, double others) {
    // Those above have won against the negative ones here.
    pairs += others * (positives + here / 2);
    positives += here;
    negatives += others;
    if (here > 0) precision += here * positives / (positives + negatives);
  });
  Areas areas;
  if (positives > 0 && negatives > 0) areas.roc = pairs / (positives * negatives);
  if (positives > 0) areas.average_precision = precision / positives;
  return areas;
}

std::vector<OperatingPoint> Ranking::points(std::span<const double> weights) const {
  std::vector<OperatingPoint> points;
  OperatingPoint point;
  each_group(weights, [&](double score, double positives, double negatives) {
    if (positives + negatives == 0) return;
    point.threshold = score;
    point.true_positives += positives;
    point.false_positives += negatives;
    points.push_back(point);
  });
  return points;
}

std::vector<ThresholdFigures> threshold_table(const std::vector<OperatingPoint>& points) {
  if (points.empty()) return {};
  const double positives = points.back().true_positives, negatives = points.back().false_positives;
  if (positives == 0 || negatives == 0) return {};
  const auto figures_at = [&](double threshold, double right, double wrong) {
    ThresholdFigures figures;
    figures.threshold = threshold;
    figures.precision = right + wrong > 0 ? right / (right + wrong) : 0;
    figures.recall = right / positives;
    figures.f1 = 2 * right / (right + wrong + positives);
    figures.false_positive_rate = wrong / negatives;
    figures.youden = figures.recall - figures.false_positive_rate;
    figures.accuracy = (right + negatives - wrong) / (positives + negatives);
    return figures;
  };
  constexpr double rounding = 1e-12;
  ThresholdFigures f1, youden;
  f1.f1 = youden.youden = -2;
  for (const OperatingPoint& point : points) {
    const ThresholdFigures figures = figures_at(point.threshold, point.true_positives, point.false_positives);
    if (figures.f1 > f1.f1 + rounding) f1 = figures;
    if (figures.youden > youden.youden + rounding) youden = figures;
  }
  f1.best_f1 = true;
  youden.best_youden = true;
  if (f1.threshold == youden.threshold) f1.best_youden = true;
  std::vector<ThresholdFigures> table = {f1};
  if (f1.threshold != youden.threshold) table.push_back(youden);
  for (int tenth = 1; tenth <= 9; ++tenth) {
    const double threshold = tenth / 10.0;
    if (threshold == f1.threshold || threshold == youden.threshold) continue;
    // The lowest score that is still answered by the second class.
    const auto below = std::partition_point(
        points.begin(), points.end(), [&](const OperatingPoint& p) { return p.threshold >= threshold; });
    table.push_back(below == points.begin() ? figures_at(threshold, 0, 0)
                                            : figures_at(threshold, std::prev(below)->true_positives,
                                                         std::prev(below)->false_positives));
  }
  std::sort(table.begin(), table.end(),
            [](const ThresholdFigures& a, const ThresholdFigures& b) { return a.threshold < b.threshold; });
  return table;
}

}  // namespace nn::evaluate
