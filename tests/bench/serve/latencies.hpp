// Latencies of many requests, in little memory.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

namespace nn::bench {

// Counts of times in nanoseconds, in buckets that are less than 1 % wide: below 128 ns each number has its
// own, and each power of two above has 128.
class Latencies {
 public:
  void add(std::int64_t nanoseconds) {
    const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(nanoseconds, 0));
    ++counts_[place_of(value)];
    ++count_;
    most_ = std::max(most_, value);
  }
  std::uint64_t count() const { return count_; }
  double most_ms() const { return static_cast<double>(most_) * 1e-6; }

  // The time in milliseconds that a part of q took at most; 0 where there is none.
  double quantile_ms(double q) const {
    const auto rank = static_cast<std::uint64_t>(q * static_cast<double>(count_));
    std::uint64_t seen = 0;
    for (std::size_t place = 0; place < counts_.size(); ++place) {
      seen += counts_[place];
      if (seen > rank) return static_cast<double>(std::min(upper_of(place), most_)) * 1e-6;
    }
    return most_ms();
  }

 private:
  static constexpr int bits = 7;

  static std::size_t place_of(std::uint64_t value) {
    const int above = std::max(static_cast<int>(std::bit_width(value)) - 1 - bits, 0);
    const std::size_t place =
        (static_cast<std::size_t>(above) << bits) + static_cast<std::size_t>(value >> above);
    return std::min(place, places - 1);
  }
  static std::uint64_t upper_of(std::size_t place) {
    const std::size_t above = place < (2u << bits) ? 0 : (place >> bits) - 1;
    const std::uint64_t value = place - (above << bits);
    return ((value + 1) << above) - 1;
  }

  static constexpr std::size_t places = 36u << bits;  // up to some minutes
  std::array<std::uint32_t, places> counts_{};
  std::uint64_t count_ = 0, most_ = 0;
};

}  // namespace nn::bench
