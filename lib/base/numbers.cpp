#include "base/numbers.hpp"

#include <fast_float/fast_float.h>

#include <charconv>
#include <cmath>
#include <string>

#include "base/error.hpp"
#include "base/text.hpp"

namespace nn {
namespace {

template <typename T>
bool parse_all(std::string_view text, T& value) {
  const char* end = text.data() + text.size();
  if constexpr (std::is_floating_point_v<T>) {
    const auto result = fast_float::from_chars(text.data(), end, value);
    return result.ec == std::errc() && result.ptr == end;
  } else {
    const auto result = std::from_chars(text.data(), end, value);
    return result.ec == std::errc() && result.ptr == end;
  }
}

struct Unit {
  std::string_view suffix;
  double factor;
};

// The number in front of one of the units' suffixes; the first unit is the default.
template <std::size_t N>
bool parse_with_unit(std::string_view text, const Unit (&units)[N], double& value) {
  for (const Unit& unit : units) {
    if (!unit.suffix.empty() && text.ends_with(unit.suffix)) {
      text.remove_suffix(unit.suffix.size());
      if (!parse_all(text, value)) return false;
      value *= unit.factor;
      return std::isfinite(value) && value >= 0;
    }
  }
  return parse_all(text, value) && std::isfinite(value) && value >= 0;
}

}  // namespace

std::optional<std::int64_t> find_integer(std::string_view text) {
  std::int64_t value = 0;
  return parse_all(text, value) ? std::optional(value) : std::nullopt;
}

std::int64_t parse_integer(std::string_view text) {
  const auto value = find_integer(text);
  if (!value) fail_usage("'{}' is not an integer", printable(text));
  return *value;
}

double parse_number(std::string_view text) {
  double value = 0;
  if (!parse_all(text, value) || !std::isfinite(value)) {
    fail_usage("'{}' is not a number", printable(text));
  }
  return value;
}

std::int64_t parse_count(std::string_view text, std::int64_t least, std::int64_t most) {
  const std::int64_t count = parse_integer(text);
  if (count >= least && count <= most) return count;
  if (most == INT64_MAX) fail_usage("'{}': must be at least {}", printable(text), least);
  fail_usage("'{}': must be from {} to {}", printable(text), least, most);
}

double parse_number_in(std::string_view text, const Interval& interval) {
  const double value = parse_number(text);
  const bool over = interval.above ? value > interval.least : value >= interval.least;
  const bool under = interval.below ? value < interval.most : value <= interval.most;
  if (over && under) return value;
  const std::string_view from = interval.above ? "over" : std::isfinite(interval.most) ? "from" : "at least";
  if (!std::isfinite(interval.most)) fail_usage("'{}': must be {} {}", printable(text), from, interval.least);
  const std::string_view to = !interval.below  ? interval.above ? "and at most" : "to"
                              : interval.above ? "and below"
                                               : "to below";
  fail_usage("'{}': must be {} {} {} {}", printable(text), from, interval.least, to, interval.most);
}

std::int64_t parse_count(std::string_view name, std::string_view text, std::int64_t least,
                         std::int64_t most) {
  try {
    return parse_count(text, least, most);
  } catch (const Error& error) {
    throw error.within(name);
  }
}

double parse_number_in(std::string_view name, std::string_view text, const Interval& interval) {
  try {
    return parse_number_in(text, interval);
  } catch (const Error& error) {
    throw error.within(name);
  }
}

std::uint64_t parse_bytes(std::string_view text) {
  static constexpr Unit units[] = {{"", 1}, {"K", 0x1p10}, {"M", 0x1p20}, {"G", 0x1p30}, {"T", 0x1p40}};
  double value = 0;
  if (!parse_with_unit(text, units, value) || value >= 0x1p63) {
    fail_usage("'{}' is not a size; write bytes or 64K, 64M, 1G", printable(text));
  }
  return static_cast<std::uint64_t>(value);
}

double parse_duration_s(std::string_view text) {
  static constexpr Unit units[] = {{"", 1}, {"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
  double value = 0;
  if (!parse_with_unit(text, units, value)) {
    fail_usage("'{}' is not a duration; write seconds or 50ms, 90s, 10m, 1.5h, 2d", printable(text));
  }
  return value;
}

}  // namespace nn
