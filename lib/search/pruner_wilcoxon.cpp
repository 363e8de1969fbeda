#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "search/pruner_rules.hpp"

namespace nn::search {
namespace {

using Why = Decision::Why;

constexpr std::size_t exact_limit = 50, exact_limit_with_ties = 13;

bool all_finite(const std::vector<double>& values) {
  return std::all_of(values.begin(), values.end(), [](double v) { return std::isfinite(v); });
}

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

// Which part of all subsets of `ranks` has a sum of `least` or more.
double share_of_subsets(const std::vector<std::size_t>& ranks, std::size_t least) {
  const std::size_t total = std::accumulate(ranks.begin(), ranks.end(), std::size_t{0});
  std::vector<double> subsets(total + 1);
  subsets[0] = 1;
  std::size_t reached = 0;
  for (const std::size_t rank : ranks) {
    for (std::size_t sum = reached + 1; sum-- > 0;) subsets[sum + rank] += subsets[sum];
    reached += rank;
  }
  const auto from = subsets.begin() + static_cast<std::ptrdiff_t>(std::min(least, total + 1));
  return std::ldexp(std::accumulate(from, subsets.end(), 0.0), -static_cast<int>(ranks.size()));
}

}  // namespace

double signed_rank_probability(const std::vector<double>& differences) {
  const std::size_t n = differences.size();
  std::vector<double> ordered = differences;
  std::sort(ordered.begin(), ordered.end(), [](double a, double b) { return std::abs(a) < std::abs(b); });
  // Ranks are averages among equals, and twice that is a whole number.
  std::vector<std::size_t> ranks;  // of those that aren't 0
  std::size_t positive = 0, zeros = 0;
  double ties = 0;
  bool has_ties = false;
  for (std::size_t begin = 0, end = 0; begin < n; begin = end) {
    while (end < n && std::abs(ordered[end]) == std::abs(ordered[begin])) ++end;
    const std::size_t alike = end - begin, rank = begin + 1 + end;
    has_ties = has_ties || alike > 1;
    ties += std::pow(static_cast<double>(alike), 3) - static_cast<double>(alike);
    for (std::size_t i = begin; i < end; ++i) {
      if (ordered[i] == 0) {
        zeros += rank;
        continue;
      }
      ranks.push_back(rank);
      if (ordered[i] > 0) positive += rank;
    }
  }
  if (n <= (has_ties || zeros > 0 ? exact_limit_with_ties : exact_limit)) {
    return share_of_subsets(ranks, positive);
  }
  const auto count = static_cast<double>(n);
  const double sum = static_cast<double>(positive) / 2 + static_cast<double>(zeros) / 4;
  const double variance = (count * (count + 1) * (2 * count + 1) - ties / 2) / 24;
  const double z = (sum - count * (count + 1) / 4) / std::sqrt(variance);
  return std::erfc(z / std::sqrt(2.0)) / 2;
}

Decision WilcoxonRule::decide(std::uint32_t, const Curve& curve) {
  if (!all_finite(curve.values)) return {.why = Why::not_a_number};
  if (!has_best_ || best_.empty()) return {.why = Why::no_best};
  if (!all_finite(best_.values)) return {.why = Why::no_best};
  std::vector<double> differences;
  std::size_t b = 0;
  for (std::size_t i = 0; i < curve.size(); ++i) {
    while (b < best_.size() && best_.steps[b] < curve.steps[i]) ++b;
    if (b == best_.size()) break;
    if (best_.steps[b] == curve.steps[i]) differences.push_back(curve.values[i] - best_.values[b]);
  }
  const auto least = static_cast<std::size_t>(std::max<std::int64_t>(2, spec_.instances));
  if (differences.size() < least) return {.why = Why::few, .count = differences.size(), .least = least};
  const double p = signed_rank_probability(differences);
  const double own = mean(curve.values), best = mean(best_.values);
  if (p < spec_.p && best >= own) {
    return {.why = Why::mean, .value = own, .limit = best, .count = differences.size()};
  }
  return {
      .why = Why::wilcoxon, .prune = p < spec_.p, .value = p, .limit = spec_.p, .count = differences.size()};
}

void WilcoxonRule::end(std::uint32_t, const Curve& curve, TrialEnd how, double value) {
  if (how != TrialEnd::complete || std::isnan(value) || (has_best_ && value >= best_value_)) return;
  has_best_ = true;
  best_value_ = value;
  best_ = curve;
}

}  // namespace nn::search
