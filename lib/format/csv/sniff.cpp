#include "format/csv/sniff.hpp"

#include <algorithm>
#include <vector>

#include "format/csv/styled_number.hpp"

namespace nn::format {
namespace {

constexpr std::size_t most_records = 100;

struct Look {
  std::vector<std::size_t> cells;  // of each record
  bool numbers = true;             // all cells behind the first record, or missing
  bool empty = false;              // there are cells with nothing in them
  bool broken = false;             // it can't be read

  bool one_each() const {
    return !broken && std::all_of(cells.begin(), cells.end(), [](std::size_t n) { return n == 1; });
  }
  bool even() const {
    return !broken && !cells.empty() && cells[0] > 1 &&
           std::all_of(cells.begin(), cells.end(), [&](std::size_t n) { return n == cells[0]; });
  }
};

bool is_any_number(std::string_view cell, const CsvDialect& dialect) {
  double value = 0;
  return parse_csv_number(cell, value) || dialect.is_missing_number(cell) || is_missing_word(cell) ||
         parse_styled_number(cell, NumberStyle::point, value) ||
         parse_styled_number(cell, NumberStyle::comma, value);
}

Look look_by(std::string_view text, const CsvDialect& dialect) {
  Look look;
  CsvCursor cursor(text, dialect);
  std::string scratch;
  try {
    while (look.cells.size() < most_records && cursor.begin_record()) {
      std::size_t count = 0;
      CellEnd end = CellEnd::delimiter;
      while (end == CellEnd::delimiter) {
        const CsvCell cell = cursor.cell(scratch);
        end = cell.end;
        ++count;
        look.empty = look.empty || cell.text.empty();
        if (!look.cells.empty()) look.numbers = look.numbers && is_any_number(cell.text, dialect);
      }
      look.cells.push_back(count);
    }
  } catch (const CsvFault&) {
    look.broken = true;
  }
  return look;
}

Sniffed by_delimiter(std::string_view text, const CsvDialect& likely, bool quote_told) {
  Sniffed out{.dialect = likely};
  const Look first = look_by(text, likely);
  bool found = first.even();
  for (const char delimiter : {',', '\t', ';', '|', ' '}) {
    if (delimiter == likely.delimiter || delimiter == likely.quote) continue;
    if (text.find(delimiter) == std::string_view::npos) continue;
    CsvDialect dialect = likely;
    set_delimiter(dialect, delimiter, quote_told);
    const Look look = look_by(text, dialect);
    if (delimiter == ' ' && !found && look.empty && look.numbers && look.cells.size() > 1 &&
        first.one_each()) {
      out.in_columns = true;
    }
    if (!look.even() || (delimiter == ' ' && look.empty) ||
        (delimiter == ' ' && (!look.numbers || look.cells.size() < 2)))
      continue;
    const bool better =
        !found || (out.dialect.delimiter == ',' && look.numbers && !first.numbers && look.cells.size() > 1);
    // Lines of one cell each may hold a comma, as "Doe, Jane" does.
    out.in_doubt = out.in_doubt || found || (delimiter == ',' && first.one_each());
    if (better) out.dialect = dialect;
    found = true;
  }
  return out;
}

}  // namespace

void set_delimiter(CsvDialect& dialect, char delimiter, bool quote_told) {
  dialect.delimiter = delimiter;
  dialect.quotes_within_line = !quote_told && delimiter == '\t';
}

Sniffed sniff_dialect(std::string_view text, const CsvDialect& likely, SniffWanted wanted) {
  Sniffed plain{.dialect = likely};
  if (wanted.delimiter) plain = by_delimiter(text, likely, wanted.quote_told);
  if (!wanted.escape || likely.quote == 0 || text.find("\\\"") == std::string_view::npos) return plain;
  if (!look_by(text, plain.dialect).broken) return plain;
  CsvDialect escaping = likely;
  escaping.escape = '\\';
  Sniffed escaped{.dialect = escaping};
  if (wanted.delimiter) escaped = by_delimiter(text, escaping, wanted.quote_told);
  return look_by(text, escaped.dialect).broken ? plain : escaped;
}

}  // namespace nn::format
