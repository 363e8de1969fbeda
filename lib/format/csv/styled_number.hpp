// Numbers as people in different countries write them. For this module only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace nn::format {

enum class NumberStyle : std::uint8_t {
  plain,  // 1234.5
  point,  // 1,234.5 as well: groups of thousands, divided by ',' or ''' or a space
  comma,  // 1234,5 or 1.234,5: groups divided by '.' or ''' or a space
};

// The number that all of `cell` spells in that style; false when it is none. Groups are of three digits each,
// the first one of one to three and not beginning with 0, all divided alike.
bool parse_styled_number(std::string_view cell, NumberStyle style, double& value);

// Whether `cell` is a whole number whose digits `value`, read from it, doesn't have.
bool is_rounded(std::string_view cell, double value);

// Whether `cell`, a number, is another label than the whole number `value` that is read from it: 1.10 and 1.1
// are different classes, as are 007 and 7. 7 and 7.0 are one.
bool differs_as_label(std::string_view cell, double value);

}  // namespace nn::format
