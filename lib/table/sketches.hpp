// Figures of a column whose values don't fit into memory: each takes a fixed amount of it, is exact for few
// values and says when it isn't any more. The same values in the same order give the same figures. One
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/random.hpp"

namespace nn::table {

// How many values differ, from the smallest of their hashes (Bar-Yossef et al. 2002, KMV): exact up to
// `most`, of more an estimate with a standard error of 1 / sqrt(most).
class DistinctCount {
 public:
  explicit DistinctCount(std::size_t most) : most_(most) {}
  // Equal values have equal hashes, others hashes that look like random numbers.
  void add(std::uint64_t hash) {
    if (hash > limit_) return;
    hashes_.push_back(hash);
    if (hashes_.size() >= 2 * most_) shrink();
  }
  std::int64_t count();
  bool exact();

 private:
  void shrink();
  std::size_t most_;
  std::uint64_t limit_ = UINT64_MAX;  // of hashes that are of interest
  bool full_ = false;
  std::vector<std::uint64_t> hashes_;
};

// Quantiles, from levels of samples: one that is full is sorted, and every other value of it goes on with
// twice the weight (Manku, Rajagopalan, Lindsay 1999; Agarwal et al. 2012). Exact up to `size` values; of n
// more the rank is wrong by some n / size, as the standard error.
class Quantiles {
 public:
  explicit Quantiles(std::size_t size) : size_(size), random_(0, RandomUse::split, 2) {}
  void add(double value) {
    levels_[0].push_back(value);
    if (levels_[0].size() >= size_) compact();
  }
  // `q` ascending in [0, 1]: the values with so many below them, between two of them in proportion (as NumPy
  // has it) where all are there. Empty where there are no values.
  std::vector<double> at(const std::vector<double>& q) const;
  bool exact() const { return levels_.size() == 1; }

 private:
  void compact();
  std::size_t size_;
  std::vector<std::vector<double>> levels_ = std::vector<std::vector<double>>(1);
  RandomStream random_;
};

// The most frequent texts (Misra and Gries 1982, with the purges of Anderson et al. 2017): exact while there
// are at most `most` different ones; then a text occurred `count - over` to `count` times. Of long texts the
// first bytes are kept.
class FrequentTexts {
 public:
  struct Entry {
    std::string text;
    std::int64_t count = 0, over = 0;
  };
  explicit FrequentTexts(std::size_t most) : most_(most) {}
  void add(std::string_view text, std::uint64_t hash, std::int64_t times = 1);
  // By their counts, then by their texts.
  std::vector<Entry> top(std::size_t count) const;
  bool exact() const { return over_ == 0; }

 private:
  void purge();
  std::size_t most_;
  std::int64_t over_ = 0;
  std::unordered_map<std::uint64_t, Entry> entries_;
};

}  // namespace nn::table
