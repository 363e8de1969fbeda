// How many cells had texts that a model has no category for, column by column, since it was loaded: for those
// who predict for days, and should hear of it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace nn::model {

// Thread-safe.
class UnknownCounts {
 public:
  explicit UnknownCounts(std::size_t columns) : counts_(columns), told_(columns) {}

  void add(std::size_t column, std::int64_t cells) {
    const auto before =
        counts_[column].fetch_add(static_cast<std::uint64_t>(cells), std::memory_order_relaxed);
    if (before == 0) news_.store(true, std::memory_order_relaxed);
  }
  std::uint64_t of(std::size_t column) const { return counts_[column].load(std::memory_order_relaxed); }
  // The columns that have had one, each of which is returned once.
  std::vector<std::size_t> take_first() {
    std::vector<std::size_t> first;
    if (!news_.load(std::memory_order_relaxed) || !news_.exchange(false, std::memory_order_relaxed))
      return first;
    for (std::size_t column = 0; column < counts_.size(); ++column) {
      if (of(column) > 0 && !told_[column].exchange(true, std::memory_order_relaxed)) first.push_back(column);
    }
    return first;
  }

 private:
  std::vector<std::atomic<std::uint64_t>> counts_;
  std::vector<std::atomic<bool>> told_;
  std::atomic<bool> news_{false};
};

}  // namespace nn::model
