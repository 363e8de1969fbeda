#include "search/ranked_values.hpp"

#include <algorithm>

namespace nn::search {
namespace {

constexpr std::size_t block_limit = 512;

}  // namespace

void RankedValues::add(double value) {
  ++size_;
  if (blocks_.empty()) blocks_.emplace_back();
  // The last block that begins at or below the value, so that a value over all others goes to the end.
  auto block = std::upper_bound(blocks_.begin() + 1, blocks_.end(), value,
                                [](double v, const std::vector<double>& b) { return v < b.front(); }) -
               1;
  block->insert(std::upper_bound(block->begin(), block->end(), value), value);
  if (block->size() < block_limit) return;
  const auto half = static_cast<std::ptrdiff_t>(block_limit / 2);
  std::vector<double> upper(block->begin() + half, block->end());
  block->erase(block->begin() + half, block->end());
  blocks_.insert(block + 1, std::move(upper));
}

std::size_t RankedValues::rank(double value) const {
  std::size_t before = 0;
  for (const std::vector<double>& block : blocks_) {
    if (block.back() < value) {
      before += block.size();
      continue;
    }
    return before +
           static_cast<std::size_t>(std::lower_bound(block.begin(), block.end(), value) - block.begin());
  }
  return before;
}

double RankedValues::at(std::size_t place) const {
  auto block = blocks_.begin();
  for (; place >= block->size(); ++block) place -= block->size();
  return (*block)[place];
}

}  // namespace nn::search
