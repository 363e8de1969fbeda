// What texts of a table look like that are no numbers. For this module only.
#pragma once

#include <cstdint>
#include <string_view>

namespace nn::format {

enum class Likeness : std::uint8_t {
  none,
  quantity,  // a number with a sign or a unit: 10%, $10, 5 kg
  date,      // or a time of day
};

struct TextLooks {
  Likeness like = Likeness::none;
  std::string_view unit;  // of a quantity, where it is none that everybody knows: kg

  bool operator==(const TextLooks&) const = default;
};

TextLooks looks_of(std::string_view text);

// 00123, which as a number is 123.
bool has_leading_zero(std::string_view number);

}  // namespace nn::format
