#include "search/parzen.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <utility>

#include "search/bandwidths.hpp"
#include "search/normal.hpp"

namespace nn::search {
namespace {

constexpr double log_root_two_pi = 0.918938533204672741780329736406;
constexpr double all_of_it = 8.5;    // beyond as many deviations a double sees no mass
constexpr std::size_t factors = 64;  // so many relative widths, each over 1e-3, don't underflow

double mass_within(double centre, double width, double first, double last) {
  const double a = (first - centre) / width, b = (last - centre) / width;
  double mass = 1;
  if (a > -all_of_it) mass -= normal_cdf(a);
  if (b < all_of_it) mass -= normal_cdf(-b);
  return mass;
}

// Numbers for pairs of numbers, in the order of their arrival: open addressing, since it is the largest cost
// of many discrete parameters.
class PairNumbers {
 public:
  explicit PairNumbers(std::size_t most) : slots_(std::bit_ceil(2 * most + 1), -1) {}
  // The number of a pair, and whether it is new.
  std::pair<std::uint32_t, bool> add(double a, double b) {
    const std::uint64_t hash = (std::bit_cast<std::uint64_t>(a) * 0x9E3779B97F4A7C15) ^
                               (std::bit_cast<std::uint64_t>(b) * 0xC2B2AE3D27D4EB4F);
    std::size_t slot = (hash >> 32) & (slots_.size() - 1);
    for (; slots_[slot] >= 0; slot = (slot + 1) & (slots_.size() - 1)) {
      const auto found = static_cast<std::size_t>(slots_[slot]);
      if (pairs_[found].first == a && pairs_[found].second == b) {
        return {static_cast<std::uint32_t>(found), false};
      }
    }
    slots_[slot] = static_cast<std::int64_t>(pairs_.size());
    pairs_.emplace_back(a, b);
    return {static_cast<std::uint32_t>(pairs_.size() - 1), true};
  }

 private:
  std::vector<std::int64_t> slots_;
  std::vector<std::pair<double, double>> pairs_;
};

}  // namespace

ParzenEstimator::ParzenEstimator(const std::vector<const Parameter*>& parameters, const Columns& observed,
                                 const std::vector<double>& weights, Bandwidths bandwidths)
    : components_(weights.size()), cumulative_weights_(weights.size()) {
  for (std::size_t a = 0; a < parameters.size(); ++a) {
    if (parameters[a]->is_categorical()) {
      add_choices(*parameters[a], observed[a]);
    } else {
      add_numbers(*parameters[a], observed[a], bandwidths);
    }
  }
  std::partial_sum(weights.begin(), weights.end(), cumulative_weights_.begin());
  make_constants(weights);
}

void ParzenEstimator::add_numbers(const Parameter& p, const std::vector<double>& observed,
                                  Bandwidths bandwidths) {
  Numbers n;
  const bool ordinal = p.has_choices();
  n.low = ordinal ? 0 : p.low;
  n.high = ordinal ? static_cast<double>(p.choices.size() - 1) : p.high;
  n.step = ordinal ? 1 : p.step;
  n.log = p.is_log();
  n.first = n.low - n.step / 2;
  n.last = n.high + n.step / 2;
  n.centres = observed;
  if (n.log) {
    n.first = std::log(n.first);
    n.last = std::log(n.last);
    for (double& x : n.centres) x = std::log(x);
  }
  n.widths = bandwidths_of(n.centres, n.first, n.last, bandwidths);
  // What is known of a normal parameter is more than its range.
  const bool normal = p.kind == ParameterKind::normal || p.kind == ParameterKind::lognormal;
  n.centres.push_back(normal ? p.mean : 0.5 * (n.first + n.last));
  n.widths.push_back(normal ? p.deviation : n.last - n.first);
  if (n.step > 0) {
    share_kernels(n);
  } else {
    for (const double width : n.widths) n.inverse_widths.push_back(1 / width);
  }
  axes_.push_back({false, numbers_.size()});
  numbers_.push_back(std::move(n));
}

void ParzenEstimator::share_kernels(Numbers& n) {
  PairNumbers pairs(components_);
  for (std::size_t i = 0; i < components_; ++i) {
    const auto added = pairs.add(n.centres[i], n.widths[i]);
    n.kernel.push_back(added.first);
    if (!added.second) continue;
    n.kernel_centres.push_back(n.centres[i]);
    n.kernel_widths.push_back(n.widths[i]);
    n.kernel_log_masses.push_back(std::log(mass_within(n.centres[i], n.widths[i], n.first, n.last)));
  }
}

void ParzenEstimator::add_choices(const Parameter& p, const std::vector<double>& observed) {
  Choices c;
  c.count = p.choices.size();
  const double share = 1 / static_cast<double>(components_);
  const double sum = 1 + static_cast<double>(c.count) * share;
  c.log_hit = std::log((1 + share) / sum);
  c.log_miss = std::log(share / sum);
  c.observed = observed;
  c.observed.push_back(-1);
  axes_.push_back({true, choices_.size()});
  choices_.push_back(std::move(c));
}

void ParzenEstimator::make_constants(const std::vector<double>& weights) {
  const double sum = cumulative_weights_.back();
  double same = -std::log(sum);
  for (const Choices& c : choices_)
    constants_.push_back(-std::log(static_cast<double>(c.count)) - c.log_miss);
  const double prior = std::accumulate(constants_.begin(), constants_.end(), 0.0);
  constants_.assign(components_, 0);
  constants_.back() = prior;  // whose choices are all alike
  // A logarithm is dear: widths and masses of several parameters are multiplied first.
  std::vector<double> product = weights;
  std::size_t multiplied = 0;
  const auto take_logarithms = [&] {
    for (std::size_t i = 0; i < components_; ++i) constants_[i] += std::log(product[i]);
    product.assign(components_, 1);
    multiplied = 0;
  };
  for (const Numbers& n : numbers_) {
    if (n.step > 0) continue;
    const double range = n.last - n.first;
    for (std::size_t i = 0; i < components_; ++i) {
      product[i] /= n.widths[i] / range * mass_within(n.centres[i], n.widths[i], n.first, n.last);
    }
    same -= std::log(range) + log_root_two_pi;
    if (++multiplied == factors) take_logarithms();
  }
  take_logarithms();
  for (double& constant : constants_) constant += same;
}

Columns ParzenEstimator::sample(std::size_t count, RandomStream& random) const {
  Columns points(axes_.size(), std::vector<double>(count));
  for (std::size_t s = 0; s < count; ++s) {
    const double u = random.uniform() * cumulative_weights_.back();
    const auto found = std::upper_bound(cumulative_weights_.begin(), cumulative_weights_.end() - 1, u);
    const auto component = static_cast<std::size_t>(found - cumulative_weights_.begin());
    for (std::size_t a = 0; a < axes_.size(); ++a) {
      const double v = random.uniform();
      points[a][s] = axes_[a].is_choice ? sample(choices_[axes_[a].index], component, v)
                                        : sample(numbers_[axes_[a].index], component, v);
    }
  }
  return points;
}

double ParzenEstimator::sample(const Choices& c, std::size_t component, double u) const {
  const auto count = static_cast<double>(c.count);
  const double own = c.observed[component];
  const double uniform = std::min(std::floor(u * count), count - 1);
  if (own < 0) return uniform;
  // A kernel is its own choice, or any of them.
  const double any = count * std::exp(c.log_miss);
  return u < any ? std::min(std::floor(u / any * count), count - 1) : own;
}

double ParzenEstimator::sample(const Numbers& n, std::size_t component, double u) const {
  const double centre = n.centres[component], width = n.widths[component];
  const double z = truncated_normal_quantile(u, (n.first - centre) / width, (n.last - centre) / width);
  double x = centre + z * width;
  if (n.log) x = std::exp(x);
  if (n.step > 0) x = n.low + std::round((x - n.low) / n.step) * n.step;
  return std::clamp(x, n.low, n.high);
}

}  // namespace nn::search
