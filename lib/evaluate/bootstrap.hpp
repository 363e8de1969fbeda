// How far figures of other rows of the same kind would be from these: intervals by the bootstrap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace nn::evaluate {

struct Interval {
  double low = 0, high = 0;
};

struct BootstrapOptions {
  double confidence = 95;  // percent, between 0 and 100
  std::int64_t resamples = 1000;
  std::uint64_t seed = 0;
};

// An interval for each figure: the percentiles of what it is over `resamples` draws of `rows` rows with
// replacement (Efron 1979), without regard to classes. `figures` says all of them, NaN for one that is not
// defined, of rows of which each is there as often as `counts` [rows] says; it is called in several threads.
// Nothing for a figure that is not defined in more than half of the draws. The same seed gives the same
// intervals, whatever the number of threads. Interrupted when a stop is requested.
std::vector<std::optional<Interval>> bootstrap(
    std::int64_t rows, const BootstrapOptions& options,
    const std::function<std::vector<double>(std::span<const std::uint32_t> counts)>& figures);

}  // namespace nn::evaluate
