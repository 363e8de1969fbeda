// Numbers as most tables have them, faster than any general routine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "format/powers_of_ten.hpp"

namespace nn::format {

// Bytes behind a number's beginning that fast_number() may read.
inline constexpr std::ptrdiff_t fast_number_reach = 32;

namespace detail {

inline constexpr std::uint64_t integer_powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
inline constexpr bool little_endian = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;

inline std::uint64_t load_8(const char* p) {
  std::uint64_t value;
  std::memcpy(&value, p, 8);
  return value;
}

// The value of eight digits: pairs, then fours, then all eight, by multiplication (little-endian).
inline std::uint64_t value_of_8_digits(std::uint64_t v) {
  v = (v & 0x0F0F0F0F0F0F0F0F) * (10 * 256 + 1) >> 8;
  v = (v & 0x00FF00FF00FF00FF) * (100 * 65536 + 1) >> 16;
  return (v & 0x0000FFFF0000FFFF) * (10000 * (std::uint64_t{1} << 32) + 1) >> 32;
}

// Digits in front of the first byte that is none; 8 when all are.
inline unsigned leading_digits(std::uint64_t v) {
  v ^= 0x3030303030303030;
  // The top bit of each byte that is no digit. A carry spoils only bytes behind such a one.
  const std::uint64_t others = (v | (v + 0x7676767676767676)) & 0x8080808080808080;
  return others == 0 ? 8 : static_cast<unsigned>(__builtin_ctzll(others)) / 8;
}

// The value of the first `count` (1 to 8) bytes, which are digits.
inline std::uint64_t value_of_digits(std::uint64_t v, unsigned count) {
  return value_of_8_digits(v << (64 - 8 * count));
}

// fast_number() without the sign, for any length that 53 bits can hold.
inline const char* long_number(const char* const start, double& value) {
  const char* p = start;
  std::uint64_t digits = 0;
  unsigned digit;
  while (p < start + 16 && (digit = static_cast<unsigned>(*p - '0')) < 10u) {
    digits = digits * 10 + digit;
    ++p;
  }
  const auto integers = p - start;
  if (*p != '.') {
    if (integers == 0 || integers == 16) return nullptr;
    value = static_cast<double>(digits);
    return p;
  }
  const char* const fraction = ++p;
  if constexpr (little_endian) {
    for (std::ptrdiff_t i = 0; i < 2 && integers + 8 * i <= 8; ++i) {
      const std::uint64_t eight = load_8(p);
      if (leading_digits(eight) != 8) break;
      digits = digits * 100000000 + value_of_8_digits(eight);
      p += 8;
    }
  }
  const char* const limit = start + 20;  // 19 digits fit into 64 bits
  while (p < limit && (digit = static_cast<unsigned>(*p - '0')) < 10u) {
    digits = digits * 10 + digit;
    ++p;
  }
  if (integers + (p - fraction) == 0 || p == limit || digits > std::uint64_t{1} << 53) return nullptr;
  value = static_cast<double>(digits) / powers_of_ten[p - fraction];
  return p;
}

// The same for up to 7 digits on either side of the point, without a branch on how many.
inline const char* short_number(const char* p, double& value) {
  const std::uint64_t before = load_8(p);
  const unsigned integers = leading_digits(before);
  if (integers - 1 >= 7) return nullptr;
  const std::uint64_t whole = value_of_digits(before, integers);
  p += integers;
  if (*p != '.') {
    value = static_cast<double>(static_cast<std::int64_t>(whole));
    return p;
  }
  const std::uint64_t behind = load_8(++p);
  const unsigned decimals = leading_digits(behind);
  if (decimals - 1 >= 7) return nullptr;
  const std::uint64_t digits = whole * integer_powers[decimals] + value_of_digits(behind, decimals);
  value = static_cast<double>(static_cast<std::int64_t>(digits)) / powers_of_ten[decimals];
  return p + decimals;
}

}  // namespace detail

// Reads [-]digits[.digits] at `p`, of which fast_number_reach bytes can be read. Returns
// what follows, or null when the number isn't of this form or needs more than 53 bits
// (then nothing is known about the cell). Exact: with both the digits and the power of ten
// exact as doubles, one division rounds once (Clinger, "How to read floating point numbers
// accurately", PLDI 1990).
inline const char* fast_number(const char* p, double& value) {
  const bool negative = *p == '-';
  p += negative;
  const char* behind = nullptr;
  if constexpr (detail::little_endian) behind = detail::short_number(p, value);
  if (behind == nullptr) behind = detail::long_number(p, value);
  if (behind != nullptr && negative) value = -value;
  return behind;
}

}  // namespace nn::format
