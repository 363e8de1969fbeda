#include "format/arrow/quantity.hpp"

#include <fast_float/fast_float.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <string>

#include "Schema_generated.h"
#include "format/powers_of_ten.hpp"

namespace nn::format {
namespace {

constexpr std::int64_t exact = std::int64_t{1} << 53;

std::int64_t in_a_second(arrow::TimeUnit unit) {
  switch (unit) {
    case arrow::TimeUnit::SECOND: return 1;
    case arrow::TimeUnit::MILLISECOND: return 1'000;
    case arrow::TimeUnit::MICROSECOND: return 1'000'000;
    default: return 1'000'000'000;
  }
}

bool is_unit(arrow::TimeUnit unit) {
  return unit >= arrow::TimeUnit::SECOND && unit <= arrow::TimeUnit::NANOSECOND;
}

std::optional<Quantity> times(std::size_t width, arrow::TimeUnit unit) {
  if (!is_unit(unit)) return std::nullopt;
  return Quantity{.width = width, .divisor = in_a_second(unit)};
}

// The digits of a signed number of 256 bits, the lowest word first.
std::string digits_of(std::array<std::uint64_t, 4> words) {
  using Wide = unsigned __int128;
  constexpr std::uint64_t chunk = 10'000'000'000'000'000'000U;  // 19 digits
  const bool negative = (words.back() >> 63) != 0;
  if (negative) {
    bool carry = true;
    for (std::uint64_t& word : words) {
      word = ~word + carry;
      carry = carry && word == 0;
    }
  }
  std::array<std::uint64_t, 5> chunks{};
  std::size_t count = 0;
  for (bool more = true; more && count < chunks.size(); ++count) {
    Wide rest = 0;
    more = false;
    for (std::size_t i = words.size(); i-- > 0;) {
      const Wide dividend = rest << 64 | words[i];
      words[i] = static_cast<std::uint64_t>(dividend / chunk);
      rest = dividend % chunk;
      more = more || words[i] != 0;
    }
    chunks[count] = static_cast<std::uint64_t>(rest);
  }
  std::string text = fmt::format("{}{}", negative ? "-" : "", chunks[count - 1]);
  for (std::size_t i = count - 1; i-- > 0;) fmt::format_to(std::back_inserter(text), "{:019}", chunks[i]);
  return text;
}

// Sign-extended to four words.
std::array<std::uint64_t, 4> words_of(const std::byte* from, std::size_t width) {
  std::array<std::uint64_t, 4> words{};
  const bool negative = (from[width - 1] & std::byte{0x80}) != std::byte{0};
  if (negative) words.fill(~std::uint64_t{0});
  std::memcpy(words.data(), from, width);
  return words;
}

// Whether all words but the lowest only repeat its sign.
bool fits_in_low(const std::array<std::uint64_t, 4>& words) {
  const auto sign = static_cast<std::int64_t>(words[0]) < 0 ? ~std::uint64_t{0} : 0;
  return words[1] == sign && words[2] == sign && words[3] == sign;
}

double decimal_of(const Quantity& quantity, const std::byte* from) {
  const auto words = words_of(from, quantity.width);
  const auto low = static_cast<std::int64_t>(words[0]);
  const bool small = fits_in_low(words) && low >= -exact && low <= exact;
  // Both are exact, so that one division rounds once.
  if (small && quantity.scale >= 0 && quantity.scale < static_cast<int>(std::size(powers_of_ten)))
    return static_cast<double>(low) / powers_of_ten[static_cast<std::size_t>(quantity.scale)];
  const std::string text = fmt::format("{}e{}", digits_of(words), -static_cast<std::int64_t>(quantity.scale));
  double value = 0;
  fast_float::from_chars(text.data(), text.data() + text.size(), value);  // infinite where it is too large
  return value;
}

double quotient_of(const Quantity& quantity, const std::byte* from) {
  const auto count = static_cast<std::int64_t>(words_of(from, quantity.width)[0]);
  const std::int64_t whole = count / quantity.divisor, rest = count % quantity.divisor;
  return static_cast<double>(whole) + static_cast<double>(rest) / static_cast<double>(quantity.divisor);
}

}  // namespace

std::optional<Quantity> quantity_of(const arrow::Field& field) {
  constexpr std::int64_t milliseconds_of_day = 86'400'000;
  constexpr std::int32_t most_digits = 18;
  if (const auto* date = field.type_as_Date()) {
    if (date->unit() == arrow::DateUnit::DAY) return Quantity{.width = 4};
    return Quantity{.width = 8, .divisor = milliseconds_of_day};
  }
  if (const auto* time = field.type_as_Time()) {
    if (time->bit_width() != 32 && time->bit_width() != 64) return std::nullopt;
    return times(static_cast<std::size_t>(time->bit_width()) / 8, time->unit());
  }
  if (const auto* timestamp = field.type_as_Timestamp()) return times(8, timestamp->unit());
  if (const auto* duration = field.type_as_Duration()) return times(8, duration->unit());
  if (const auto* decimal = field.type_as_Decimal()) {
    const int bits = decimal->bit_width();
    if (bits != 32 && bits != 64 && bits != 128 && bits != 256) return std::nullopt;
    return Quantity{.width = static_cast<std::size_t>(bits) / 8,
                    .divisor = 1,
                    .scale = decimal->scale(),
                    .is_decimal = true,
                    .is_whole = decimal->scale() == 0 && decimal->precision() <= most_digits};
  }
  return std::nullopt;
}

void convert_quantities(const Quantity& quantity, const std::byte* from, std::int64_t count, double* to) {
  for (std::int64_t i = 0; i < count; ++i, from += quantity.width)
    to[i] = quantity.is_decimal ? decimal_of(quantity, from) : quotient_of(quantity, from);
}

std::optional<std::int64_t> whole_quantity(const Quantity& quantity, const std::byte* from) {
  const auto words = words_of(from, quantity.width);
  if (!fits_in_low(words)) return std::nullopt;
  return static_cast<std::int64_t>(words[0]);
}

}  // namespace nn::format
