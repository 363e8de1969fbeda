#include "ensemble/same_column.hpp"

#include <cstring>
#include <string_view>

namespace nn::ensemble {
namespace {

std::string_view text_at(const Field& field, const Column& column, std::int64_t row) {
  if (field.type == DType::utf8) return column.text(row);
  return (*column.dictionary)[static_cast<std::size_t>(column.as<std::int32_t>()[row])];
}

bool same_dictionary(const Column& a, const Column& b) {
  if (a.dictionary == b.dictionary) return true;
  if (a.dictionary->size() != b.dictionary->size()) return false;
  for (std::size_t i = 0; i < a.dictionary->size(); ++i) {
    if ((*a.dictionary)[i] != (*b.dictionary)[i]) return false;
  }
  return true;
}

}  // namespace

std::int64_t first_difference(const Field& field, const Column& a, const Column& b, std::int64_t rows) {
  // To compare the dictionaries pays where they are no longer than the columns.
  const bool all_present = a.validity == nullptr && b.validity == nullptr;
  const bool by_bytes = !is_text(field.type) ||
                        (field.type == DType::category && all_present && rows > 64 &&
                         a.dictionary->size() <= static_cast<std::size_t>(rows) && same_dictionary(a, b));
  const std::size_t width = size_of(field.type) * static_cast<std::size_t>(element_count(field.shape));
  if (by_bytes && all_present && std::memcmp(a.data, b.data, width * static_cast<std::size_t>(rows)) == 0)
    return -1;
  for (std::int64_t row = 0; row < rows; ++row) {
    if (a.valid(row) != b.valid(row)) return row;
    if (!a.valid(row)) continue;
    const std::size_t at = width * static_cast<std::size_t>(row);
    const bool same = by_bytes ? std::memcmp(a.data + at, b.data + at, width) == 0
                               : text_at(field, a, row) == text_at(field, b, row);
    if (!same) return row;
  }
  return -1;
}

}  // namespace nn::ensemble
