#include "inference/column_finder.hpp"

#include <algorithm>
#include <numeric>

namespace nn::inference {

void ColumnFinder::begin(const std::vector<TensorSpec>& specs) {
  specs_ = &specs;
  next_ = 0;
  sorted_.clear();
}

std::optional<std::size_t> ColumnFinder::find(std::string_view name) {
  const std::vector<TensorSpec>& specs = *specs_;
  if (next_ < specs.size() && specs[next_].name == name) return next_++;
  if (sorted_.empty()) {
    sorted_.resize(specs.size());
    std::iota(sorted_.begin(), sorted_.end(), 0u);
    std::sort(sorted_.begin(), sorted_.end(),
              [&](std::uint32_t a, std::uint32_t b) { return specs[a].name < specs[b].name; });
  }
  const auto at = std::lower_bound(sorted_.begin(), sorted_.end(), name,
                                   [&](std::uint32_t a, std::string_view b) { return specs[a].name < b; });
  if (at == sorted_.end() || specs[*at].name != name) return std::nullopt;
  next_ = *at + 1;
  return *at;
}

}  // namespace nn::inference
