// What several inputs say about the kinds of columns. For this module only.
#pragma once

#include <cstdint>
#include <string>

namespace nn::format {

// A column that is one of text for the line where that is seen.
struct TextColumnSeen {
  std::string column, text;
  std::int64_t line = 0;  // from 1
};

}  // namespace nn::format
