// Numbers, sizes and durations as people write them: one parser and one wording for each. All throw a usage
// error that quotes the text and says what was expected; none accepts trailing characters.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

namespace nn {

std::int64_t parse_integer(std::string_view text);
std::optional<std::int64_t> find_integer(std::string_view text);  // nothing where it isn't one
double parse_number(std::string_view text);

// A whole number within limits: "'0': must be from 1 to 256".
std::int64_t parse_count(std::string_view text, std::int64_t least, std::int64_t most = INT64_MAX);

// The limits of a number: from `least` to `most`, without the one (above) or the other (below).
struct Interval {
  double least = 0;
  double most = std::numeric_limits<double>::infinity();
  bool above = false, below = false;
};
namespace interval {
inline constexpr Interval positive{.above = true};
inline constexpr Interval not_negative{};
inline constexpr Interval rate{.most = 1, .below = true};  // of decay and dropout
inline constexpr Interval between_0_and_1{.most = 1, .above = true, .below = true};
}  // namespace interval
double parse_number_in(std::string_view text, const Interval& interval);

// The same for one of several numbers in a text, with its name in front: "filters: '0': must be from 1 to
// 256".
std::int64_t parse_count(std::string_view name, std::string_view text, std::int64_t least,
                         std::int64_t most = INT64_MAX);
double parse_number_in(std::string_view name, std::string_view text, const Interval& interval);

std::uint64_t parse_bytes(std::string_view text);  // "64", "64K", "64M", "1G": powers of 1024
double parse_duration_s(std::string_view text);    // "90", "90s", "10m", "1.5h", "2d", "50ms"

}  // namespace nn
