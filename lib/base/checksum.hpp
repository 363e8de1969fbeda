// XXH3 of 64 bits, seed 0, of bytes that come in pieces: of messages and headers. It finds accidents, not
// forgeries.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace nn {

// A value, one thread's. Pieces are best added while they are in the cache: behind the read that brought
// them.
class Checksum {
 public:
  Checksum();
  void add(std::span<const std::byte> bytes);
  // Of what was added so far.
  std::uint64_t value() const;

 private:
  static constexpr std::size_t state_bytes = 576;
  alignas(64) std::byte state_[state_bytes];
};

inline std::uint64_t checksum_of(std::span<const std::byte> bytes) {
  Checksum sum;
  sum.add(bytes);
  return sum.value();
}

}  // namespace nn
