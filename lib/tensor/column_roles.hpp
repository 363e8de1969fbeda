// Columns that are something else than features, by their names.
#pragma once

#include <string_view>

namespace nn {

// What is to be learned, and what tells rows apart; how much each row counts: a number of at least 0.
inline constexpr std::string_view target_column = "y", id_column = "id", weight_column = "sample_weight";

inline bool has_role(std::string_view column) {
  return column == target_column || column == id_column || column == weight_column;
}

}  // namespace nn
