// Numbers as most tables have them, faster than any general routine.
#pragma once

#include <cstdint>
#include <cstring>

namespace nn {

// How far fast_number() may read.
inline constexpr std::ptrdiff_t fast_number_reach = 32;

namespace detail {

inline constexpr double powers_of_ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                           1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                           1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

inline std::uint64_t load_8(const char* p) {
  std::uint64_t value;
  std::memcpy(&value, p, 8);
  return value;
}

// Eight ASCII digits in one word: every byte has high half 3, and adding 6 doesn't carry into it.
inline bool are_8_digits(std::uint64_t v) {
  return ((v & 0xF0F0F0F0F0F0F0F0) | (((v + 0x0606060606060606) & 0xF0F0F0F0F0F0F0F0) >> 4)) ==
         0x3333333333333333;
}

// Their value: pairs, then fours, then all eight, by multiplication (little-endian).
inline std::uint64_t value_of_8_digits(std::uint64_t v) {
  v = (v & 0x0F0F0F0F0F0F0F0F) * (10 * 256 + 1) >> 8;
  v = (v & 0x00FF00FF00FF00FF) * (100 * 65536 + 1) >> 16;
  return (v & 0x0000FFFF0000FFFF) * (10000 * (std::uint64_t{1} << 32) + 1) >> 32;
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
  const char* const start = p;
  std::uint64_t digits = 0;
  unsigned digit;
  const char* const integer_limit = start + 16;
  while (p < integer_limit && (digit = static_cast<unsigned char>(*p) - '0') < 10u) {
    digits = digits * 10 + digit;
    ++p;
  }
  const auto integers = p - start;
  double result;
  if (*p == '.') {
    const char* const fraction = ++p;
    if constexpr (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__) {
      if (const std::uint64_t eight = detail::load_8(p); integers <= 8 && detail::are_8_digits(eight)) {
        digits = digits * 100000000 + detail::value_of_8_digits(eight);
        p += 8;
      }
    }
    const char* const limit = start + 18;
    while (p < limit && (digit = static_cast<unsigned char>(*p) - '0') < 10u) {
      digits = digits * 10 + digit;
      ++p;
    }
    if (integers + (p - fraction) == 0 || p == limit || digits > std::uint64_t{1} << 53) return nullptr;
    result = static_cast<double>(digits) / detail::powers_of_ten[p - fraction];
  } else {
    if (integers == 0 || integers == 16) return nullptr;
    result = static_cast<double>(digits);
  }
  value = negative ? -result : result;
  return p;
}

}  // namespace nn
