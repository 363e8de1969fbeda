#include "format/arrow/quantity.hpp"

#include <fast_float/fast_float.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <string>
#include <utility>

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

std::optional<Quantity> times(Quantity::Kind kind, std::size_t width, arrow::TimeUnit unit) {
  if (!is_unit(unit)) return std::nullopt;
  return Quantity{.width = width, .divisor = in_a_second(unit), .kind = kind};
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

std::string decimal_text(const Quantity& quantity, const std::byte* from) {
  std::string text = digits_of(words_of(from, quantity.width));
  if (quantity.scale <= 0)
    return text == "0" ? text : text.append(static_cast<std::size_t>(-quantity.scale), '0');
  const std::size_t first = text[0] == '-' ? 1 : 0;
  const auto scale = static_cast<std::size_t>(quantity.scale);
  if (text.size() - first <= scale) text.insert(first, scale + 1 - (text.size() - first), '0');
  return text.insert(text.size() - scale, 1, '.');
}

// Whether a double has all digits of the whole number `digits`, whatever its exponent. `value` is its double.
bool has_digits(std::string digits, double value) {
  std::erase(digits, '-');
  digits.erase(digits.find_last_not_of('0') + 1);
  constexpr std::size_t most = 17;
  if (digits.size() > most) return false;
  digits.append(most - digits.size(), '0');
  std::string shown = fmt::format("{:.16e}", std::fabs(value));
  std::erase(shown, '.');
  return shown.starts_with(digits);
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
  if (quantity.rounded && quantity.rounded->empty() && !has_digits(digits_of(words), value))
    *quantity.rounded = decimal_text(quantity, from);
  return value;
}

double quotient_of(const Quantity& quantity, const std::byte* from) {
  const auto count = static_cast<std::int64_t>(words_of(from, quantity.width)[0]);
  const std::int64_t whole = count / quantity.divisor, rest = count % quantity.divisor;
  return static_cast<double>(whole) + static_cast<double>(rest) / static_cast<double>(quantity.divisor);
}

// Rounded down, with what is left of it.
std::pair<std::int64_t, std::int64_t> divided(std::int64_t count, std::int64_t divisor) {
  const std::int64_t rest = count % divisor;
  return rest < 0 ? std::pair(count / divisor - 1, rest + divisor) : std::pair(count / divisor, rest);
}

// The day of the Gregorian calendar so many days behind 1970-01-01: Howard Hinnant, "chrono-Compatible
// Low-Level Date Algorithms", civil_from_days, whose years begin with March.
std::string date_text(std::int64_t days) {
  constexpr std::int64_t days_of_era = 146'097, to_march_of_0 = 719'468;
  const auto [era, day_of_era] = divided(days + to_march_of_0, days_of_era);
  const std::int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month_of_5 = (5 * day_of_year + 2) / 153;
  const std::int64_t day = day_of_year - (153 * month_of_5 + 2) / 5 + 1;
  const std::int64_t month = month_of_5 < 10 ? month_of_5 + 3 : month_of_5 - 9;
  return fmt::format("{:04}-{:02}-{:02}", year_of_era + era * 400 + (month <= 2), month, day);
}

// Behind the point, as many digits as the unit has.
std::string fraction_text(std::int64_t units, std::int64_t divisor) {
  return divisor == 1 ? std::string() : fmt::format(".{}", fmt::format("{}", divisor + units).substr(1));
}

std::string clock_text(std::int64_t seconds, std::int64_t units, std::int64_t divisor) {
  return fmt::format("{:02}:{:02}:{:02}{}", seconds / 3600, seconds / 60 % 60, seconds % 60,
                     fraction_text(units, divisor));
}

}  // namespace

std::optional<Quantity> quantity_of(const arrow::Field& field) {
  using Kind = Quantity::Kind;
  constexpr std::int64_t milliseconds_of_day = 86'400'000;
  constexpr std::int32_t most_digits = 18;
  if (const auto* date = field.type_as_Date()) {
    if (date->unit() == arrow::DateUnit::DAY) return Quantity{.width = 4, .kind = Kind::date};
    return Quantity{.width = 8, .divisor = milliseconds_of_day, .kind = Kind::date};
  }
  if (const auto* time = field.type_as_Time()) {
    if (time->bit_width() != 32 && time->bit_width() != 64) return std::nullopt;
    return times(Kind::time, static_cast<std::size_t>(time->bit_width()) / 8, time->unit());
  }
  if (const auto* timestamp = field.type_as_Timestamp()) {
    auto quantity = times(Kind::timestamp, 8, timestamp->unit());
    if (quantity) quantity->is_utc = timestamp->timezone() != nullptr && timestamp->timezone()->size() > 0;
    return quantity;
  }
  if (const auto* duration = field.type_as_Duration()) return times(Kind::duration, 8, duration->unit());
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

std::string quantity_text(const Quantity& quantity, const std::byte* from) {
  using Kind = Quantity::Kind;
  if (quantity.is_decimal) return decimal_text(quantity, from);
  constexpr std::int64_t seconds_of_day = 86'400;
  const auto count = static_cast<std::int64_t>(words_of(from, quantity.width)[0]);
  const auto [whole, rest] = divided(count, quantity.divisor);
  switch (quantity.kind) {
    case Kind::date: {
      if (rest == 0) return date_text(whole);
      return date_text(whole) + "T" + clock_text(rest / 1000, rest % 1000, 1000);
    }
    case Kind::timestamp: {
      const auto [days, seconds] = divided(whole, seconds_of_day);
      return fmt::format("{}T{}{}", date_text(days), clock_text(seconds, rest, quantity.divisor),
                         quantity.is_utc ? "Z" : "");
    }
    case Kind::time:
      if (count >= 0) return clock_text(whole, rest, quantity.divisor);
      [[fallthrough]];
    default: break;
  }
  const std::int64_t seconds = count / quantity.divisor, units = std::abs(count % quantity.divisor);
  return fmt::format("{}{}{}", count < 0 && seconds == 0 ? "-" : "", seconds,
                     fraction_text(units, quantity.divisor));
}

std::optional<std::int64_t> whole_quantity(const Quantity& quantity, const std::byte* from) {
  const auto words = words_of(from, quantity.width);
  if (!fits_in_low(words)) return std::nullopt;
  return static_cast<std::int64_t>(words[0]);
}

}  // namespace nn::format
