#include "evaluate/bootstrap.hpp"

#include <algorithm>
#include <cmath>
#include <thread>

#include "base/ordered_workers.hpp"
#include "base/random.hpp"
#include "base/signals.hpp"

namespace nn::evaluate {
namespace {

// As often as each row is drawn in the draw of that number.
std::vector<std::uint32_t> draw(std::int64_t rows, std::uint64_t seed, std::int64_t number) {
  std::vector<std::uint32_t> counts(static_cast<std::size_t>(rows));
  // Nothing else draws numbers where figures are made.
  RandomStream random(seed, RandomUse::split, static_cast<std::uint64_t>(number));
  // Lemire 2019 with 32 bits, of which a block of numbers has twice as many as of 64.
  const auto limit = static_cast<std::uint32_t>(rows);
  const std::uint32_t threshold = (0 - limit) % limit;
  for (std::uint32_t i = 0; i < limit; ++i) {
    std::uint64_t product = 0;
    do {
      product = std::uint64_t{random.next_u32()} * limit;
    } while (static_cast<std::uint32_t>(product) < threshold);
    ++counts[product >> 32];
  }
  return counts;
}

// Between neighbours in proportion, as NumPy's percentile() does.
double percentile(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  if (below + 1 >= sorted.size()) return sorted.back();
  return sorted[below] + (at - std::floor(at)) * (sorted[below + 1] - sorted[below]);
}

}  // namespace

std::vector<std::optional<Interval>> bootstrap(
    std::int64_t rows, const BootstrapOptions& options,
    const std::function<std::vector<double>(std::span<const std::uint32_t> counts)>& figures) {
  constexpr unsigned most_threads = 32;
  const int threads = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1U, most_threads));
  OrderedWorkers<std::int64_t, std::vector<double>> workers(
      threads, static_cast<std::size_t>(threads) * 2,
      [&](std::int64_t number) { return figures(draw(rows, options.seed, number)); });
  std::vector<std::vector<double>> values;  // of each figure
  const auto take = [&] {
    const std::vector<double> drawn = workers.take();
    values.resize(drawn.size());
    for (std::size_t f = 0; f < drawn.size(); ++f) {
      if (!std::isnan(drawn[f])) values[f].push_back(drawn[f]);
    }
  };
  for (std::int64_t number = 0; number < options.resamples; ++number) {
    throw_if_stopped();
    if (workers.pending() >= static_cast<std::size_t>(threads) * 2) take();
    workers.submit(number);
  }
  while (workers.pending() > 0) {
    throw_if_stopped();
    take();
  }
  std::vector<std::optional<Interval>> intervals;
  const double outside = (1 - options.confidence / 100) / 2;
  for (std::vector<double>& drawn : values) {
    std::sort(drawn.begin(), drawn.end());
    intervals.emplace_back();
    if (2 * static_cast<std::int64_t>(drawn.size()) < options.resamples || drawn.empty()) continue;
    intervals.back() = {percentile(drawn, outside), percentile(drawn, 1 - outside)};
  }
  return intervals;
}

}  // namespace nn::evaluate
