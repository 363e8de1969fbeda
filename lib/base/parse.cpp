#include "base/parse.hpp"

#include <fast_float/fast_float.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

#include "base/enum_names.hpp"
#include "base/error.hpp"

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

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const auto at = text.find(separator);
    parts.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::size_t utf8_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead < 0x80                   ? 1
                             : lead >= 0xC2 && lead < 0xE0 ? 2
                             : lead >= 0xE0 && lead < 0xF0 ? 3
                             : lead >= 0xF0 && lead < 0xF5 ? 4
                                                           : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return 0;
  }
  return length;
}

std::string printable(std::string_view text, std::size_t limit) {
  std::string out;
  while (!text.empty()) {
    if (out.size() >= limit) return out + "…";
    const std::size_t length = utf8_length(text);
    const auto byte = static_cast<unsigned char>(text[0]);
    if (length == 0 || byte < 0x20 || byte == 0x7F) {
      out += byte == '\n' ? "\\n" : byte == '\t' ? "\\t" : fmt::format("\\x{:02x}", byte);
      text.remove_prefix(1);
    } else {
      out += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return out;
}

void fail_unknown_name(std::string_view word, std::string_view what,
                       const std::vector<std::string_view>& names) {
  const auto meant = closest(word, {names.begin(), names.end()});
  fail_usage(
      "'{}' is not {}; {}", printable(word), what,
      meant ? fmt::format("did you mean {}?", *meant) : fmt::format("there are {}", fmt::join(names, ", ")));
}

std::optional<std::string> closest(std::string_view word, const std::vector<std::string>& candidates) {
  std::optional<std::string> best;
  std::size_t best_distance = word.size() / 3 + 2;  // exclusive
  for (const auto& candidate : candidates) {
    // Levenshtein distance, one row at a time.
    std::vector<std::size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < word.size(); ++i) {
      std::size_t diagonal = row[0]++;
      for (std::size_t j = 0; j < candidate.size(); ++j) {
        const std::size_t substitute = diagonal + (word[i] == candidate[j] ? 0 : 1);
        diagonal = row[j + 1];
        row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, substitute});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

}  // namespace nn
