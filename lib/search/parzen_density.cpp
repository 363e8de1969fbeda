// Where the time of proposals goes: every kernel at every point, in vectors that compilers make of what the
// processor has. The numbers are the same on every processor, so that a seed's proposals are.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "search/normal.hpp"
#include "search/parzen.hpp"

namespace nn::search {
namespace {

constexpr std::size_t block = 256;  // of components: what all points need of them stays in the cache
constexpr std::size_t lanes = ParzenEstimator::lanes;
using Block = std::array<double, block>;

// Two numbers are what the oldest processors have; wider ones would be passed otherwise on each.
constexpr std::size_t width = 2, vectors = lanes / width;
using Pair [[gnu::vector_size(width * sizeof(double))]] = double;
using PairBits [[gnu::vector_size(width * sizeof(double))]] = std::int64_t;

inline Pair load(const double* from) {
  Pair pair;
  std::memcpy(&pair, from, sizeof(Pair));
  return pair;
}

// exp() to 1e-15 of its value, for x in [-700, 0]; less counts as -700.
inline Pair exp_of(Pair x) {
  constexpr double shift = 0x1.8p52;  // added, it leaves a whole number in the lowest bits
  constexpr double log2_e = 1.44269504088896340736, ln2_high = 0x1.62e42fefap-1,
                   ln2_low = 0x1.cf79abc9e3b39p-40;
  const Pair least = Pair{} - 700;
  x = x > least ? x : least;
  const Pair shifted = x * log2_e + shift;
  const Pair k = shifted - shift;
  const Pair r = (x - k * ln2_high) - k * ln2_low;
  Pair sum = Pair{} + 1.0 / 479001600;
  for (const double c : {1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720,
                         1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1.0, 1.0}) {
    sum = sum * r + c;
  }
  const PairBits exponent = ((PairBits)shifted + 1023) << 52;
  return sum * (Pair)exponent;
}

// The logarithm of a sum of exponentials, block by block.
struct LogSum {
  double greatest = -std::numeric_limits<double>::infinity(), sum = 0;

  // The first `count`, a multiple of lanes.
  void add(const Block& terms, std::size_t count) {
    Pair most = load(terms.data());
    for (std::size_t i = width; i < count; i += width) {
      const Pair term = load(&terms[i]);
      most = term > most ? term : most;
    }
    const double top = std::max({most[0], most[1], greatest});
    if (std::isinf(top)) return;
    Pair sums[vectors]{};
    for (std::size_t i = 0; i < count; i += lanes) {
      for (std::size_t v = 0; v < vectors; ++v) sums[v] += exp_of(load(&terms[i + v * width]) - top);
    }
    sum *= std::exp(greatest - top);
    for (const Pair& pair : sums) sum += pair[0] + pair[1];
    greatest = top;
  }
  double value() const { return greatest + std::log(sum); }
};

// A continuous parameter at one point: from here on, a block's kernels.
struct Normals {
  const double* centres;
  const double* inverse_widths;
  double x;
};

// Twice what all of these parameters take from the logarithms of `count` kernels, a multiple of lanes. Sums
// stay in registers while the parameters go by.
void sum_squares(Block& squares, const std::vector<Normals>& parameters, std::size_t count) {
  for (std::size_t i = 0; i < count; i += lanes) {
    Pair sums[vectors]{};
    for (const Normals& n : parameters) {
      for (std::size_t v = 0; v < vectors; ++v) {
        const std::size_t at = i + v * width;
        const Pair z = (n.x - load(n.centres + at)) * load(n.inverse_widths + at);
        sums[v] += z * z;
      }
    }
    std::memcpy(&squares[i], sums, sizeof(sums));
  }
}

void add_choice(Block& terms, const double* observed, std::size_t count, double x, double hit, double miss) {
  for (std::size_t i = 0; i < count; ++i) terms[i] += observed[i] == x ? hit : miss;
}

void add_mass(Block& terms, const std::uint32_t* kernel, std::size_t count,
              const std::vector<double>& masses) {
  for (std::size_t i = 0; i < count; ++i) terms[i] += masses[kernel[i]];
}

}  // namespace

// Of each kernel that differs, at each point.
std::vector<std::vector<double>> ParzenEstimator::log_masses(const Numbers& n,
                                                             const std::vector<double>& points) const {
  std::vector<std::vector<double>> all;
  for (std::size_t s = 0; s < points.size(); ++s) {
    const auto same = std::find(points.begin(), points.begin() + static_cast<std::ptrdiff_t>(s), points[s]);
    const auto before = static_cast<std::size_t>(same - points.begin());
    if (before < s) {
      all.push_back(std::vector<double>(all[before]));
      continue;
    }
    double left = points[s] - n.step / 2, right = points[s] + n.step / 2;
    if (n.log) {
      left = std::log(left);
      right = std::log(right);
    }
    std::vector<double>& masses = all.emplace_back(n.kernel_centres.size());
    for (std::size_t k = 0; k < masses.size(); ++k) {
      const double centre = n.kernel_centres[k], inverse = n.kernel_inverse_widths[k];
      masses[k] =
          log_normal_mass((left - centre) * inverse, (right - centre) * inverse) - n.kernel_log_masses[k];
    }
  }
  return all;
}

std::vector<double> ParzenEstimator::log_density(const Columns& points) const {
  const std::size_t count = points.empty() ? 0 : points[0].size();
  Columns places = points;  // in the logarithm where kernels are
  std::vector<std::vector<std::vector<double>>> masses(axes_.size());
  std::vector<std::size_t> discrete, continuous;
  for (std::size_t a = 0; a < axes_.size(); ++a) {
    const bool is_continuous = !axes_[a].is_choice && numbers_[axes_[a].index].step == 0;
    (is_continuous ? continuous : discrete).push_back(a);
    if (axes_[a].is_choice) continue;
    const Numbers& n = numbers_[axes_[a].index];
    if (!is_continuous) {
      masses[a] = log_masses(n, points[a]);
    } else if (n.log) {
      for (double& x : places[a]) x = std::log(x);
    }
  }
  std::vector<LogSum> sums(count);
  std::vector<Normals> normals(continuous.size());
  Block terms, squares{};
  for (std::size_t from = 0; from < components_; from += block) {
    const std::size_t size = std::min(block, components_ - from);
    const std::size_t filled = (size + lanes - 1) / lanes * lanes;
    if (size < filled) terms.fill(-std::numeric_limits<double>::max());
    for (std::size_t s = 0; s < count; ++s) {
      for (std::size_t k = 0; k < continuous.size(); ++k) {
        const Numbers& n = numbers_[axes_[continuous[k]].index];
        normals[k] = {&n.centres[from], &n.inverse_widths[from], places[continuous[k]][s]};
      }
      sum_squares(squares, normals, filled);
      for (std::size_t i = 0; i < size; ++i) terms[i] = constants_[from + i] - 0.5 * squares[i];
      for (const std::size_t a : discrete) {
        if (axes_[a].is_choice) {
          const Choices& c = choices_[axes_[a].index];
          add_choice(terms, &c.observed[from], size, points[a][s], c.log_hit, c.log_miss);
        } else {
          add_mass(terms, &numbers_[axes_[a].index].kernel[from], size, masses[a][s]);
        }
      }
      sums[s].add(terms, filled);
    }
  }
  std::vector<double> densities;
  densities.reserve(count);
  for (const LogSum& sum : sums) densities.push_back(sum.value());
  return densities;
}

}  // namespace nn::search
