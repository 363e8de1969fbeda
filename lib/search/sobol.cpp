#include "search/sobol.hpp"

#include <algorithm>
#include <array>
#include <boost/random/sobol.hpp>
#include <cstddef>
#include <limits>

#include "base/error.hpp"
#include "base/random.hpp"
#include "search/random.hpp"

namespace nn::search {
namespace {

using Engine = boost::random::sobol_engine<std::uint32_t, 32>;
constexpr std::size_t most_dimensions = boost::random::default_sobol_table::max_dimension;
constexpr std::uint64_t period = std::uint64_t{1} << 32;

std::uint32_t reversed(std::uint32_t x) {
  x = (x & 0x55555555) << 1 | (x >> 1 & 0x55555555);
  x = (x & 0x33333333) << 2 | (x >> 2 & 0x33333333);
  x = (x & 0x0f0f0f0f) << 4 | (x >> 4 & 0x0f0f0f0f);
  x = (x & 0x00ff00ff) << 8 | (x >> 8 & 0x00ff00ff);
  return x << 16 | x >> 16;
}

// Owen's scrambling, where what flips a digit is a hash of those before it: Burley, "Practical hash-based
// Owen scrambling", JCGT 9 (2020), with the constants of Vegdahl. Each dimension has a `key` of its own.
std::uint32_t scrambled(std::uint32_t x, std::uint32_t key) {
  x = reversed(x);
  x ^= x * 0x3d20adea;
  x += key;
  x *= (key >> 16) | 1;
  x ^= x * 0x05526c56;
  x ^= x * 0x53a22864;
  return reversed(x);
}

std::uint32_t key_of(std::uint64_t seed, std::size_t dimension) {
  // A stream that no trial has: those have 32 bits of number.
  RandomStream random(seed, RandomUse::propose, period + dimension);
  return random.next_u32();
}

// In the order of the Gray code, as Sobol sequences are made since Antonov and Saleev; the engine leaves out
// the point 0, without which a power of two of points is not as even.
std::vector<std::uint32_t> digits_of(std::size_t dimensions, std::uint64_t index) {
  std::vector<std::uint32_t> digits(dimensions);
  if (index % period == 0) return digits;
  Engine engine(dimensions);
  engine.discard((index % period - 1) * dimensions);  // by the digits of the Gray code, not one by one
  engine.generate(digits.begin(), digits.end());
  return digits;
}

}  // namespace

std::vector<double> sobol_numbers(std::size_t dimensions, std::uint64_t seed, std::uint64_t index) {
  if (dimensions > most_dimensions) {
    fail_usage("sobol: {} parameters are searched, and there are numbers for {}", dimensions,
               most_dimensions);
  }
  std::vector<double> numbers;
  for (const std::uint32_t digits : digits_of(dimensions, index)) {
    numbers.push_back((scrambled(digits, key_of(seed, numbers.size())) + 0.5) * 0x1p-32);
  }
  return numbers;
}

Point sobol_point(const Space& space, std::uint64_t seed, std::uint64_t index) {
  std::vector<std::size_t> dimension_of(space.size());
  std::size_t dimensions = 0;
  for (std::size_t p = 0; p < space.size(); ++p) {
    if (!space.parameters()[p].is_single()) dimension_of[p] = dimensions++;
  }
  Point point(space.size(), std::numeric_limits<double>::quiet_NaN());
  const auto numbers = sobol_numbers(std::max<std::size_t>(dimensions, 1), seed, index);
  for (const std::size_t p : space.order()) {
    if (space.is_active(p, point)) point[p] = value_at(space.parameters()[p], numbers[dimension_of[p]]);
  }
  space.settle(point);
  return point;
}

}  // namespace nn::search
