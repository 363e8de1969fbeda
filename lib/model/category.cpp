#include "model/category.hpp"

#include <algorithm>

namespace nn::model {

std::int32_t find_sorted(std::span<const std::string> sorted, std::string_view text) {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), text);
  return at != sorted.end() && *at == text ? static_cast<std::int32_t>(at - sorted.begin()) : -1;
}

CategoryIndex::CategoryIndex(std::span<const std::string> sorted, const Column& column, DType type,
                             std::int64_t rows)
    : sorted_(sorted) {
  if (type != DType::category || column.dictionary == nullptr) return;
  const Dictionary& dictionary = *column.dictionary;
  if (dictionary.size() > static_cast<std::size_t>(rows)) return;
  codes_.reserve(dictionary.size());
  for (std::size_t i = 0; i < dictionary.size(); ++i) codes_.push_back(find_sorted(sorted, dictionary[i]));
}

}  // namespace nn::model
