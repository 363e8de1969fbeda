// What several inputs say about the kinds of columns. For this module only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "tensor/batch.hpp"

namespace nn::format {

// What the first lines of an input show of a column.
struct ColumnSeen {
  std::string column;
  bool numbers = false;             // there are some
  std::string text;                 // the first that is none, which makes it one of text,
  std::int64_t line = 0;            // and its line, from 1; 0: there is none
  std::string padded = {};          // the first number with a leading zero
  std::optional<Field> other = {};  // of JSON: booleans alone, or arrays of one shape
};

}  // namespace nn::format
