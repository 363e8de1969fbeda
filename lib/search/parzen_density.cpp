// Where the time of proposals goes: every kernel at every point. Loops are plain, so that compilers make
// vectors of them, and the same on every processor, so that a seed's proposals are.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "search/normal.hpp"
#include "search/parzen.hpp"

namespace nn::search {
namespace {

constexpr std::size_t block = 256;  // of components: what all points need of them stays in the cache
constexpr std::size_t lanes = 8;
using Block = std::array<double, block>;

// exp() to 1e-15 of its value, for x in [-700, 0]; less counts as -700.
inline double exp_of(double x) {
  constexpr double shift = 0x1.8p52;  // added, it leaves a whole number in the lowest bits
  constexpr double log2_e = 1.44269504088896340736, ln2_high = 0x1.62e42fefap-1,
                   ln2_low = 0x1.cf79abc9e3b39p-40;
  x = x > -700 ? x : -700;
  const double shifted = x * log2_e + shift;
  const double k = shifted - shift;
  const double r = (x - k * ln2_high) - k * ln2_low;
  double sum = 1.0 / 479001600;
  for (const double c : {1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720,
                         1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1.0, 1.0}) {
    sum = sum * r + c;
  }
  return sum * std::bit_cast<double>((std::bit_cast<std::uint64_t>(shifted) + 1023) << 52);
}

// The logarithm of a sum of exponentials, block by block.
struct LogSum {
  double greatest = -std::numeric_limits<double>::infinity(), sum = 0;

  void add(const Block& terms) {
    std::array<double, lanes> part;
    std::copy_n(terms.begin(), lanes, part.begin());
    for (std::size_t i = 0; i < block; i += lanes) {
      for (std::size_t l = 0; l < lanes; ++l) part[l] = terms[i + l] > part[l] ? terms[i + l] : part[l];
    }
    const double top = std::max(*std::max_element(part.begin(), part.end()), greatest);
    if (std::isinf(top)) return;
    std::array<double, lanes> sums{};
    for (std::size_t i = 0; i < block; i += lanes) {
      for (std::size_t l = 0; l < lanes; ++l) sums[l] += exp_of(terms[i + l] - top);
    }
    sum *= std::exp(greatest - top);
    for (const double s : sums) sum += s;
    greatest = top;
  }
  double value() const { return greatest + std::log(sum); }
};

void add_normal(Block& terms, const double* centres, const double* inverse_widths, std::size_t count,
                double x) {
  for (std::size_t i = 0; i < count; ++i) {
    const double z = (x - centres[i]) * inverse_widths[i];
    terms[i] -= 0.5 * z * z;
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
      const double centre = n.kernel_centres[k], width = n.kernel_widths[k];
      masses[k] = log_normal_mass((left - centre) / width, (right - centre) / width) - n.kernel_log_masses[k];
    }
  }
  return all;
}

std::vector<double> ParzenEstimator::log_density(const Columns& points) const {
  const std::size_t count = points.empty() ? 0 : points[0].size();
  Columns places = points;  // in the logarithm where kernels are
  std::vector<std::vector<std::vector<double>>> masses(axes_.size());
  for (std::size_t a = 0; a < axes_.size(); ++a) {
    if (axes_[a].is_choice) continue;
    const Numbers& n = numbers_[axes_[a].index];
    if (n.step > 0) {
      masses[a] = log_masses(n, points[a]);
    } else if (n.log) {
      for (double& x : places[a]) x = std::log(x);
    }
  }
  std::vector<LogSum> sums(count);
  Block terms;
  for (std::size_t from = 0; from < components_; from += block) {
    const std::size_t size = std::min(block, components_ - from);
    for (std::size_t s = 0; s < count; ++s) {
      std::copy_n(constants_.begin() + static_cast<std::ptrdiff_t>(from), size, terms.begin());
      std::fill(terms.begin() + static_cast<std::ptrdiff_t>(size), terms.end(),
                -std::numeric_limits<double>::max());
      for (std::size_t a = 0; a < axes_.size(); ++a) {
        if (axes_[a].is_choice) {
          const Choices& c = choices_[axes_[a].index];
          add_choice(terms, &c.observed[from], size, points[a][s], c.log_hit, c.log_miss);
          continue;
        }
        const Numbers& n = numbers_[axes_[a].index];
        if (n.step > 0) {
          add_mass(terms, &n.kernel[from], size, masses[a][s]);
        } else {
          add_normal(terms, &n.centres[from], &n.inverse_widths[from], size, places[a][s]);
        }
      }
      sums[s].add(terms);
    }
  }
  std::vector<double> densities;
  for (const LogSum& sum : sums) densities.push_back(sum.value());
  return densities;
}

}  // namespace nn::search
