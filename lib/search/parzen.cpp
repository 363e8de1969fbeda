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
constexpr double all_of_it = 8.5;         // beyond as many deviations a double sees no mass
constexpr std::size_t most_factors = 64;  // whose product is no overflow

// Of a kernel between a range's ends.
double mass_within(double centre, double inverse_width, double first, double last) {
  const double a = (first - centre) * inverse_width, b = (last - centre) * inverse_width;
  double mass = 1;
  if (a > -all_of_it) mass -= normal_cdf(a);
  if (b < all_of_it) mass -= normal_cdf(-b);
  return mass;
}

// Numbers for pairs of numbers, in the order of their arrival: open addressing, since it is the largest cost
// of many discrete parameters.
class PairNumbers {
 public:
  explicit PairNumbers(std::size_t most)
      : bits_(static_cast<unsigned>(std::bit_width(2 * most + 1))), slots_(std::size_t{1} << bits_, -1) {}
  // The number of a pair, and whether it is new.
  std::pair<std::uint32_t, bool> add(double a, double b) {
    // Round numbers differ in their highest bits only, and so do these multiples.
    const std::uint64_t mixed =
        std::bit_cast<std::uint64_t>(a) ^ std::rotl(std::bit_cast<std::uint64_t>(b), 32);
    auto slot = static_cast<std::size_t>((mixed * 0x9E3779B97F4A7C15) >> (64 - bits_));
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
  unsigned bits_;
  std::vector<std::int64_t> slots_;
  std::vector<std::pair<double, double>> pairs_;
};

}  // namespace

// Sums of logarithms, one for each component, of factors in (1e-4, 10). A logarithm is dear, so that factors
// are multiplied first.
class ParzenEstimator::LogProducts {
 public:
  explicit LogProducts(const std::vector<double>& weights) : logs_(weights.size()), products_(weights) {}

  double& operator[](std::size_t component) { return products_[component]; }
  // After each product with a factor for all.
  void multiplied() {
    if (++count_ == most_factors) take_logarithms();
  }
  void add(std::size_t component, double log) { logs_[component] += log; }
  void add_to_all(double log) { common_ += log; }
  std::vector<double> take() {
    take_logarithms();
    for (double& log : logs_) log += common_;
    return std::move(logs_);
  }

 private:
  void take_logarithms() {
    for (std::size_t i = 0; i < logs_.size(); ++i) logs_[i] += std::log(products_[i]);
    products_.assign(logs_.size(), 1);
    count_ = 0;
  }

  std::vector<double> logs_, products_;
  std::size_t count_ = 0;
  double common_ = 0;
};

ParzenEstimator::ParzenEstimator(const std::vector<const Parameter*>& parameters, Columns observed,
                                 const std::vector<double>& weights, Bandwidths bandwidths)
    : components_(weights.size()), cumulative_weights_(weights.size()) {
  LogProducts constants(weights);
  for (std::size_t a = 0; a < parameters.size(); ++a) {
    if (parameters[a]->is_categorical()) {
      add_choices(*parameters[a], std::move(observed[a]), constants);
    } else {
      add_numbers(*parameters[a], std::move(observed[a]), bandwidths, constants);
    }
  }
  std::partial_sum(weights.begin(), weights.end(), cumulative_weights_.begin());
  constants.add_to_all(-std::log(cumulative_weights_.back()));
  constants_ = constants.take();
}

void ParzenEstimator::add_numbers(const Parameter& p, std::vector<double> observed, Bandwidths bandwidths,
                                  LogProducts& constants) {
  axes_.push_back({false, numbers_.size()});
  Numbers& n = numbers_.emplace_back();
  const bool ordinal = p.has_choices();
  n.low = ordinal ? 0 : p.low;
  n.high = ordinal ? static_cast<double>(p.choices.size() - 1) : p.high;
  n.step = ordinal ? 1 : p.step;
  n.log = p.is_log();
  n.first = n.low - n.step / 2;
  n.last = n.high + n.step / 2;
  n.centres = std::move(observed);
  if (n.log) {
    n.first = std::log(n.first);
    n.last = std::log(n.last);
    for (double& x : n.centres) x = std::log(x);
  }
  const double range = n.last - n.first;
  n.inverse_widths = bandwidths_of(n.centres, n.first, n.last, bandwidths);
  // What is known of a normal parameter is more than its range.
  const bool normal = p.kind == ParameterKind::normal || p.kind == ParameterKind::lognormal;
  n.centres.push_back(normal ? p.mean : 0.5 * (n.first + n.last));
  n.inverse_widths.push_back(normal ? p.deviation : range);
  for (double& width : n.inverse_widths) width = 1 / width;
  if (n.step > 0) {
    share_kernels(n);
    return;
  }
  for (std::size_t i = 0; i < components_; ++i) {
    const double inverse = n.inverse_widths[i];
    constants[i] *= inverse * range / mass_within(n.centres[i], inverse, n.first, n.last);
  }
  n.centres.resize((components_ + lanes - 1) / lanes * lanes);
  n.inverse_widths.resize(n.centres.size());
  constants.multiplied();
  constants.add_to_all(-std::log(range) - log_root_two_pi);
}

void ParzenEstimator::share_kernels(Numbers& n) {
  PairNumbers pairs(n.centres.size());
  n.kernel.reserve(n.centres.size());
  for (std::size_t i = 0; i < n.centres.size(); ++i) {
    const double centre = n.centres[i], inverse = n.inverse_widths[i];
    const auto added = pairs.add(centre, inverse);
    n.kernel.push_back(added.first);
    if (!added.second) continue;
    n.kernel_centres.push_back(centre);
    n.kernel_inverse_widths.push_back(inverse);
    n.kernel_log_masses.push_back(std::log(mass_within(centre, inverse, n.first, n.last)));
  }
}

void ParzenEstimator::add_choices(const Parameter& p, std::vector<double> observed, LogProducts& constants) {
  axes_.push_back({true, choices_.size()});
  Choices& c = choices_.emplace_back();
  c.count = p.choices.size();
  const double share = 1 / static_cast<double>(components_);
  const double sum = 1 + static_cast<double>(c.count) * share;
  c.log_hit = std::log((1 + share) / sum);
  c.log_miss = std::log(share / sum);
  c.observed = std::move(observed);
  c.observed.push_back(-1);
  // The prior, whose choices are all alike, misses everywhere.
  constants.add(components_ - 1, -std::log(static_cast<double>(c.count)) - c.log_miss);
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
  const double centre = n.centres[component], inverse = n.inverse_widths[component];
  const double z = truncated_normal_quantile(u, (n.first - centre) * inverse, (n.last - centre) * inverse);
  double x = centre + z / inverse;
  if (n.log) x = std::exp(x);
  if (n.step > 0) x = n.low + std::round((x - n.low) / n.step) * n.step;
  return std::clamp(x, n.low, n.high);
}

}  // namespace nn::search
