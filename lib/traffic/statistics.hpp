// What can be said of shares and quantiles of a sample, with how much confidence.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace nn::traffic {

struct Span {
  double low = 0, high = 0;
};

// The z that a standard normal variable exceeds in absolute value with probability 1 - confidence, for
// confidence in (0, 1): 2.576 for 0.99.
double normal_z(double confidence);

// Of `hits` in `n` tries (Wilson 1927); [0, 1] for n = 0.
Span wilson(std::uint64_t hits, std::uint64_t n, double z);
// Of the difference between two shares, a - b, by their Wilson intervals (Newcombe 1998, method 10).
Span newcombe(std::uint64_t hits_a, std::uint64_t n_a, std::uint64_t hits_b, std::uint64_t n_b, double z);

// Counts of positive times in buckets of which each is 1.02 times as wide as the one before: from 1 us to 20
// minutes, and what is longer in the last. A value; one thread.
class LogHistogram {
 public:
  static constexpr std::size_t buckets = 1056;
  void add(double us) noexcept;
  void add(std::size_t bucket, std::uint64_t count);  // counts from elsewhere; bucket < buckets
  void merge(const LogHistogram& other);
  void clear();
  std::uint64_t count() const { return count_; }
  std::uint64_t count_of(std::size_t bucket) const { return counts_[bucket]; }
  // The n-th smallest, from 1, lies between these, in us. REQUIRES: 1 <= n <= count().
  Span order_statistic(std::uint64_t n) const;
  // An interval of the quantile that knows nothing of the distribution: between the order statistics that
  // a binomial variable with probability q has its rank in (Hahn and Meeker, Statistical Intervals, 5.2), by
  // their normal approximation. Its high end is infinite where there are too few for one.
  Span quantile(double q, double z) const;
  // A point in the middle; 0 without any.
  double quantile(double q) const;

 private:
  std::array<std::uint32_t, buckets> counts_{};
  std::uint64_t count_ = 0;
};

// How likely a value of `a` is larger than one of `b`, ties halved, and the z of it under the hypothesis
// that they come from the same distribution (Mann and Whitney 1947, with the correction for ties). For
// reports.
struct RankTest {
  double larger = 0.5, z = 0;
};
RankTest mann_whitney(const LogHistogram& a, const LogHistogram& b);

}  // namespace nn::traffic
