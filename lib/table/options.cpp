#include "table/options.hpp"

#include "base/error.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"

namespace nn::table {

Renaming parse_renaming(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0 || equals + 1 == text.size()) {
    fail_usage("'{}' renames no column; write OLD=NEW", printable(text));
  }
  const std::string_view name = text.substr(equals + 1);
  if (const auto comma = name.find(',');
      comma != std::string_view::npos && name.find('=', comma) != name.npos) {
    throw make_error(ErrorKind::usage, "'{}' looks like several columns with new names", printable(text))
        .advise("; write --rename once for each");
  }
  return {std::string(text.substr(0, equals)), std::string(name)};
}

RowRange parse_row_range(std::string_view text) {
  const auto colon = text.find(':');
  const std::string_view first = text.substr(0, colon);
  const std::string_view last = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  RowRange range;
  const auto read = [](std::string_view number, std::int64_t& end) {
    if (number.empty()) return true;
    const auto value = find_integer(number);
    end = value.value_or(0);
    return value.has_value();
  };
  if (colon == std::string_view::npos || text.size() == 1 || !read(first, range.first) ||
      !read(last, range.last) || range.first < 0 || range.last < range.first) {
    fail_usage("'{}' is not a range of rows; write FIRST:END, FIRST: or :END, counted from 0",
               printable(text));
  }
  return range;
}

Sample parse_sample(std::string_view text) {
  if (text.ends_with('%')) {
    constexpr Interval percent{.most = 100, .above = true};
    return {0, parse_number_in(text.substr(0, text.size() - 1), percent) / 100};
  }
  return {parse_count(text, 1), 0};
}

Shard parse_shard(std::string_view text) {
  const auto slash = text.find('/');
  const auto index = find_integer(text.substr(0, slash));
  const auto count = slash == std::string_view::npos ? std::nullopt : find_integer(text.substr(slash + 1));
  if (!index || !count || *index < 0 || *index >= *count) {
    fail_usage("'{}' is not a shard; write I/N with I from 0 to N-1", printable(text));
  }
  return {*index, *count};
}

}  // namespace nn::table
