// Rungs, and Hyperband's brackets of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace nn::search {

// How many rungs there are, of which the first is at `least` and none is over `most`.
std::size_t count_rungs(std::int64_t least, std::int64_t most, std::int64_t eta);

// Which bracket a trial belongs to: in turns, in proportion to how many trials each needs for the same sum of
// steps, so that it follows from the trial's number alone.
class Brackets {
 public:
  Brackets(std::int64_t least, std::int64_t most, std::int64_t eta);
  std::size_t of(std::uint32_t trial);
  std::size_t size() const { return budgets_.size(); }
  const std::vector<double>& budgets() const { return budgets_; }

 private:
  std::vector<double> budgets_;
  double total_ = 0;
  std::vector<std::uint8_t> sequence_;  // it is made as far as it was asked for
  std::vector<double> given_;
};

}  // namespace nn::search
