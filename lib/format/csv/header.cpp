#include "format/csv/header.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <optional>

#include "format/csv/styled_number.hpp"

namespace nn::format {
namespace {

constexpr std::int64_t most_rows = 1000;
constexpr std::int64_t first_year = 1800, last_year = 2200;

// Where commas divide no cells, they may be decimal ones.
std::optional<double> number_of(std::string_view cell, const CsvDialect& dialect) {
  double value = 0;
  const bool number = parse_csv_number(cell, value) ||
                      (dialect.delimiter != ',' && parse_styled_number(cell, NumberStyle::comma, value));
  return number ? std::optional(value) : std::nullopt;
}

// A whole number as people number things: no sign, point, exponent or leading zero.
std::optional<std::int64_t> name_of(std::string_view cell) {
  constexpr std::size_t most_digits = 15;
  if (cell.empty() || cell.size() > most_digits || (cell.size() > 1 && cell[0] == '0')) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : cell) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

// What stands under the numbers of the first record, all their columns together.
struct Below {
  std::int64_t rows = 0, numbers = 0, texts = 0, quoted = 0;
  std::int64_t whole = 0;  // as they are written: 2.0 isn't
  std::int64_t years = 0;
  std::int64_t flags = 0;  // 0 or 1
};

Below look_below(const std::vector<bool>& wanted, std::string_view rows, const CsvDialect& dialect) {
  Below below;
  CsvCursor cursor(rows, dialect);
  std::string scratch;
  try {
    for (; below.rows < most_rows && cursor.begin_record(); ++below.rows) {
      CellEnd end = CellEnd::delimiter;
      for (std::size_t i = 0; end == CellEnd::delimiter; ++i) {
        const CsvCell cell = cursor.cell(scratch);
        end = cell.end;
        if (i >= wanted.size() || !wanted[i] || dialect.is_missing_number(cell.text)) continue;
        const auto value = number_of(cell.text, dialect);
        below.texts += !value;
        below.numbers += value.has_value();
        below.quoted += value && cell.quoted;
        below.whole += value && cell.text.find_first_of(".,eE") == std::string_view::npos;
        below.flags += value && (*value == 0 || *value == 1);
        below.years += value && std::trunc(*value) == *value && *value >= first_year && *value <= last_year;
      }
    }
  } catch (const CsvFault&) {  // the parser says what is wrong
  }
  return below;
}

}  // namespace

HeaderVerdict decide_header(const CsvRecord& first, std::string_view rows, const CsvDialect& dialect) {
  std::vector<bool> is_number(first.cells.size());
  std::vector<std::int64_t> names;
  std::size_t numbers = 0, quoted = 0;
  for (std::size_t i = 0; i < first.cells.size(); ++i) {
    is_number[i] = number_of(first.cells[i], dialect).has_value();
    numbers += is_number[i];
    quoted += is_number[i] && first.quoted[i];
    if (const auto name = is_number[i] ? name_of(first.cells[i]) : std::nullopt) names.push_back(*name);
  }
  if (numbers == 0) return {true, {}};
  const bool increasing =
      std::adjacent_find(names.begin(), names.end(), std::greater_equal<>()) == names.end();
  if (names.size() != numbers || !increasing) return {};
  const Below below = look_below(is_number, rows, dialect);
  if (below.numbers + below.texts == 0) return {};
  if (quoted == numbers && below.quoted == 0 && below.numbers > 0)
    return {true, "its numbers are quoted, and those below aren't"};
  const bool consecutive = names.back() - names.front() + 1 == static_cast<std::int64_t>(names.size());
  const bool others = numbers < first.cells.size();  // an index without a name, or names
  if (names.front() == 0 && consecutive && (names.size() > 2 || others))
    return {true, "its numbers count from 0"};
  const bool years = names.front() >= first_year && names.back() <= last_year;
  if (years && (names.size() > 1 || others) && below.years * 2 < below.numbers + below.texts)
    return {true, "its numbers are years, and those below aren't"};
  if (below.whole == 0) return {true, "its numbers are whole, and those below aren't"};
  const bool counted = names.size() > 2 ||
                       (names.size() == 2 && names.front() == 0 && below.flags < below.numbers + below.texts);
  return {false, consecutive && counted ? "its numbers may be names as well" : ""};
}

}  // namespace nn::format
