#include "base/random.hpp"

#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

namespace nn {

PhiloxBlock philox(PhiloxBlock c, std::uint64_t key) {
  auto k0 = static_cast<std::uint32_t>(key);
  auto k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53} * c[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(p0)};
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return c;
}

RandomStream::RandomStream(std::uint64_t seed, RandomUse use, std::uint64_t index)
    : seed_(seed),
      counter_{0, static_cast<std::uint32_t>(use), static_cast<std::uint32_t>(index),
               static_cast<std::uint32_t>(index >> 32)} {}

std::uint32_t RandomStream::next_u32() {
  if (used_ == 4) {
    block_ = philox(counter_, seed_);
    // 2^32 blocks a stream; the use keeps its low byte when the counter carries.
    if (++counter_[0] == 0) counter_[1] += 1u << 8;
    used_ = 0;
  }
  return block_[used_++];
}

std::uint64_t RandomStream::next_u64() {
  const std::uint64_t high = next_u32();
  return high << 32 | next_u32();
}

double RandomStream::uniform() { return static_cast<double>(next_u64() >> 11) * 0x1p-53; }

double RandomStream::normal() {
  if (std::exchange(has_spare_, false)) return spare_;
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  const double angle = 2.0 * std::numbers::pi * uniform();
  spare_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

std::uint64_t RandomStream::below(std::uint64_t limit) {
  __extension__ using Wide = unsigned __int128;
  Wide product = Wide{next_u64()} * limit;
  if (static_cast<std::uint64_t>(product) < limit) {
    const std::uint64_t threshold = -limit % limit;
    while (static_cast<std::uint64_t>(product) < threshold) product = Wide{next_u64()} * limit;
  }
  return static_cast<std::uint64_t>(product >> 64);
}

void shuffle_indices(std::span<std::uint32_t> order, RandomStream& random) {
  std::iota(order.begin(), order.end(), 0u);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
}

}  // namespace nn
