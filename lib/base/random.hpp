// Counter-based random numbers: the same (key, counter) gives the same numbers on
// every machine, thread and device, in any order. Nothing has state to save.
//
// Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
// 1, 2, 3", SC 2011, section 3 and table 2.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace nn {

using PhiloxBlock = std::array<std::uint32_t, 4>;

// Ten rounds over a 128-bit counter with a 64-bit key.
PhiloxBlock philox(PhiloxBlock counter, std::uint64_t key);

// The use that numbers are drawn for. Streams of one seed are independent of each other.
enum class RandomUse : std::uint32_t {
  initialise = 1,
  shuffle = 2,
  dropout = 3,
  split = 4,
  augment = 5,
  propose = 6
};

// A sequence of numbers named by (seed, use, index). Not thread-safe.
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, RandomUse use, std::uint64_t index = 0);

  std::uint32_t next_u32();
  std::uint64_t next_u64();
  double uniform();                          // [0, 1), 53 bits
  double normal();                           // mean 0, variance 1; Box-Muller
  std::uint64_t below(std::uint64_t limit);  // [0, limit), unbiased (Lemire 2019)

 private:
  std::uint64_t seed_;
  PhiloxBlock counter_;
  PhiloxBlock block_{};
  unsigned used_ = 4;
  double spare_ = 0;
  bool has_spare_ = false;
};

// Fills `order` with a permutation of 0 … size-1 (Fisher-Yates).
void shuffle_indices(std::span<std::uint32_t> order, RandomStream& random);

}  // namespace nn
