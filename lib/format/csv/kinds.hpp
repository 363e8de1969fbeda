// What the columns of a text are, as its first rows show it. For this module only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "format/csv/likeness.hpp"
#include "format/csv/styled_number.hpp"
#include "format/csv/text.hpp"

namespace nn::format {

// A column as the rows that were looked at show it. What no number and no missing value is, is a text.
struct ColumnLook {
  std::int64_t numbers = 0, texts = 0;  // cells
  std::size_t different_numbers = 0;    // these only where there are texts
  std::size_t different_texts = 0;
  std::vector<std::string> words;  // that stand for missing values where this is one of numbers
  NumberStyle style = NumberStyle::plain;
  bool style_told = false;        // by people
  bool as_written = false;        // numbers are not what they are written as: 007, 1.10
  std::int64_t quoted_words = 0;  // NA and nan in quotes
  std::int64_t bare = 0;          // cells without quotes,
  std::int64_t bare_words = 0;    // of which so many are words for missing values;
  std::int64_t quoted = 0;        // with such as they don't need,
  std::int64_t needed = 0;        // and with such as they do, since they hold a delimiter
  std::int64_t text_line = 0;     // of the first text, from 0
  std::string text;
  Likeness like = Likeness::none;  // of all texts but words for missing values
  std::string like_text;           // the first of those
  std::string padded;              // the first number with a leading zero

  bool open() const { return numbers == 0 && texts == 0; }  // no value at all
};

// Whether a column of such texts may be taken for one of numbers.
bool is_perhaps_number(std::string_view text);

// Looks at those columns of `text` that are `wanted`; the others stay open. `style` is how numbers are
// written where people said it; otherwise columns whose texts all are numbers of one style are of that style.
// A column that has numbers, and beside them only words for missing values, is one of numbers. Faults of the
// text are left to the parser.
std::vector<ColumnLook> look_at_columns(std::string_view text, const CsvDialect& dialect,
                                        const std::vector<bool>& wanted, NumberStyle style);

}  // namespace nn::format
