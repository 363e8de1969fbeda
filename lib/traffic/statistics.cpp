#include "traffic/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace nn::traffic {
namespace {

constexpr double growth = 1.02;
const double log2_growth = std::log2(growth);

double low_end(std::size_t bucket) {
  return bucket == 0 ? 0 : std::exp2(log2_growth * static_cast<double>(bucket));
}
double high_end(std::size_t bucket) { return std::exp2(log2_growth * static_cast<double>(bucket + 1)); }

}  // namespace

double normal_z(double confidence) {
  // Newton's method on the tail's logarithm, which is convex and nearly quadratic.
  const double tail = 1 - confidence;
  double z = 1;
  for (int i = 0; i < 60; ++i) {
    const double now = std::erfc(z / std::sqrt(2.0));
    const double slope = -std::sqrt(2 / M_PI) * std::exp(-z * z / 2) / now;
    const double step = (std::log(now) - std::log(tail)) / slope;
    z = std::max(0.0, z - step);
    if (std::abs(step) < 1e-12) break;
  }
  return z;
}

Span wilson(std::uint64_t hits, std::uint64_t n, double z) {
  if (n == 0) return {0, 1};
  const auto count = static_cast<double>(n);
  const double p = static_cast<double>(hits) / count;
  const double scale = 1 / (1 + z * z / count);
  const double middle = p + z * z / (2 * count);
  const double half = z * std::sqrt(p * (1 - p) / count + z * z / (4 * count * count));
  return {hits == 0 ? 0 : std::max(0.0, (middle - half) * scale),
          hits == n ? 1 : std::min(1.0, (middle + half) * scale)};
}

Span newcombe(std::uint64_t hits_a, std::uint64_t n_a, std::uint64_t hits_b, std::uint64_t n_b, double z) {
  if (n_a == 0 || n_b == 0) return {-1, 1};
  const Span a = wilson(hits_a, n_a, z), b = wilson(hits_b, n_b, z);
  const double p = static_cast<double>(hits_a) / static_cast<double>(n_a);
  const double q = static_cast<double>(hits_b) / static_cast<double>(n_b);
  return {p - q - std::hypot(p - a.low, b.high - q), p - q + std::hypot(a.high - p, q - b.low)};
}

void LogHistogram::add(double us) noexcept {
  const double place = us > 1 ? std::log2(us) / log2_growth : 0;
  ++counts_[std::min(buckets - 1, static_cast<std::size_t>(place))];
  ++count_;
}

void LogHistogram::add(std::size_t bucket, std::uint64_t count) {
  counts_[bucket] += static_cast<std::uint32_t>(count);
  count_ += count;
}

void LogHistogram::merge(const LogHistogram& other) {
  if (other.count_ == 0) return;
  for (std::size_t i = 0; i < buckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
}

void LogHistogram::clear() { *this = {}; }

Span LogHistogram::order_statistic(std::uint64_t n) const {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < buckets; ++i) {
    below += counts_[i];
    if (below >= n)
      return {low_end(i), i + 1 == buckets ? std::numeric_limits<double>::infinity() : high_end(i)};
  }
  return {0, std::numeric_limits<double>::infinity()};
}

Span LogHistogram::quantile(double q, double z) const {
  const auto n = static_cast<double>(count_);
  const double half = z * std::sqrt(n * q * (1 - q));
  const double first = std::floor(n * q - half), last = std::ceil(n * q + half) + 1;
  return {first < 1 ? 0 : order_statistic(static_cast<std::uint64_t>(first)).low,
          last > n ? std::numeric_limits<double>::infinity()
                   : order_statistic(static_cast<std::uint64_t>(last)).high};
}

double LogHistogram::quantile(double q) const {
  if (count_ == 0) return 0;
  const auto n = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_)));
  const Span bucket = order_statistic(std::clamp<std::uint64_t>(n, 1, count_));
  return std::isinf(bucket.high) ? bucket.low : (bucket.low + bucket.high) / 2;
}

RankTest mann_whitney(const LogHistogram& a, const LogHistogram& b) {
  const auto m = static_cast<double>(a.count()), n = static_cast<double>(b.count());
  if (m == 0 || n == 0) return {};
  double u = 0, below = 0, ties = 0;
  for (std::size_t i = 0; i < LogHistogram::buckets; ++i) {
    const auto in_a = static_cast<double>(a.count_of(i)), in_b = static_cast<double>(b.count_of(i));
    u += in_a * (below + in_b / 2);
    below += in_b;
    const double t = in_a + in_b;
    ties += t * (t * t - 1);
  }
  const double all = m + n;
  const double variance = m * n / 12 * (all + 1 - ties / (all * (all - 1)));
  return {u / (m * n), variance > 0 ? (u - m * n / 2) / std::sqrt(variance) : 0};
}

}  // namespace nn::traffic
