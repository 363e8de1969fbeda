// What options say of the columns of a table of text. For this module only.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "format/source.hpp"
#include "tensor/batch.hpp"

namespace nn::format {

struct ColumnWish {
  enum class Kind : std::uint8_t {
    open,  // what its values show
    number,
    category,
    text,      // an identity is its bytes, whether they look like a number or not
    left_out,  // nobody asks for it
  };
  Kind kind = Kind::open;
  std::string_view why;        // it must be numbers; empty: nobody said that
  bool label = false;          // classes, and not said to be numbers: to the digit
  bool y = false;              // what is learned, by name or because it is asked for,
  bool target = false;         // as numbers
  bool told_category = false;  // by name
};

// One for each column of `schema`, which has the names of the text. Data errors for options that name
// columns that aren't there.
std::vector<ColumnWish> column_wishes(const Schema& schema, const SourceOptions& options);

}  // namespace nn::format
