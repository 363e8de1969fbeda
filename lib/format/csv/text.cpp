#include "format/csv/text.hpp"

#include <fast_float/fast_float.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/ascii.hpp"

namespace nn::format {
namespace {

const char* find(const char* from, const char* end, char wanted) {
  const void* hit = std::memchr(from, wanted, static_cast<std::size_t>(end - from));
  return hit != nullptr ? static_cast<const char*>(hit) : end;
}

}  // namespace

bool CsvDialect::is_listed(std::string_view text) const {
  return std::find(missing.begin(), missing.end(), text) != missing.end();
}

bool CsvDialect::is_missing(const CsvCell& cell) const {
  if (cell.quoted) return is_listed(cell.text);
  return is_missing_number(cell.text);
}

bool CsvDialect::is_missing_number(std::string_view text) const {
  if (text.empty()) return true;
  if (usual_missing && (text == "NA" || (text.size() == 3 && equal_ignoring_case(text, "nan")))) return true;
  return is_listed(text);
}

bool is_missing_word(std::string_view text) {
  static constexpr std::string_view words[] = {"?",       "-",        "--",     ".",       "NULL",    "Null",
                                               "null",    "None",     "none",   "N/A",     "n/a",     "#N/A",
                                               "#NA",     "<NA>",     "NIL",    "nil",     "-NaN",    "-nan",
                                               "1.#QNAN", "-1.#QNAN", "1.#IND", "-1.#IND", "#N/A N/A"};
  return std::find(std::begin(words), std::end(words), text) != std::end(words);
}

bool CsvCursor::begin_record() {
  const CsvDialect& dialect = *dialect_;
  while (at_ != end_) {
    const char* p = at_;
    const auto left = static_cast<std::size_t>(end_ - at_);
    if (!dialect.comment.empty() && std::string_view(at_, left).starts_with(dialect.comment)) {
      p = find(p, end_, '\n');
    } else {
      while (p != end_ && dialect.is_blank(*p)) ++p;
      if (p != end_ && *p == '\r' && (p + 1 == end_ || p[1] == '\n')) ++p;
      if (p != end_ && *p != '\n') return true;
    }
    if (p != end_) {
      ++p;
      ++lines_;
    }
    at_ = p;
  }
  return false;
}

// Behind a cell: blanks, then what ends it.
CellEnd CsvCursor::pass_end() {
  const char* p = at_;
  while (p != end_ && dialect_->is_blank(*p)) ++p;
  if (p != end_ && *p == '\r' && (p + 1 == end_ || p[1] == '\n')) ++p;
  if (p == end_) {
    at_ = p;
    return CellEnd::input;
  }
  if (*p == dialect_->delimiter || *p == '\n') {
    at_ = p + 1;
    if (*p != '\n') return CellEnd::delimiter;
    ++lines_;
    return CellEnd::line;
  }
  throw CsvFault{lines_, "text behind the closing quote of a cell; a quote inside quotes is written twice",
                 false};
}

// Whether the quote at `p` is one that another closes.
bool CsvCursor::begins_quoted(const char* p) const {
  if (dialect_->quote == 0) return false;
  if (!dialect_->quotes_within_line) return true;
  const char* const line_end = find(p, end_, '\n');
  for (++p;; p += 2) {
    p = find(p, line_end, dialect_->quote);
    if (p == line_end) return false;
    if (p + 1 == line_end || p[1] != dialect_->quote) break;
  }
  for (++p; p != line_end && (dialect_->is_blank(*p) || *p == '\r'); ++p) {
  }
  return p == line_end || *p == dialect_->delimiter;
}

// The next quote, or escape, from here on.
const char* CsvCursor::find_quote() const {
  if (dialect_->escape == 0) return find(at_, end_, dialect_->quote);
  const char* p = at_;
  while (p != end_ && *p != dialect_->quote && *p != dialect_->escape) ++p;
  return p;
}

CsvCell CsvCursor::quoted_cell(std::string& scratch) {
  const std::int64_t first_line = lines_;
  const char* const start = ++at_;
  const char* piece = start;
  bool pieces = false;
  for (;;) {
    const char* const mark = find_quote();
    lines_ += std::count(at_, mark, '\n');
    if (mark == end_) throw CsvFault{first_line, "the quoted cell that begins here is never closed", true};
    at_ = mark + 1;
    const bool escape = *mark != dialect_->quote;
    const bool stands_for_next =
        at_ != end_ && (*at_ == dialect_->quote || (escape && *at_ == dialect_->escape));
    if (escape && !stands_for_next) continue;
    if (!stands_for_next) {
      CsvCell cell;
      cell.quoted = true;
      if (pieces) {
        scratch.append(piece, mark);
        cell.text = scratch;
      } else {
        cell.text = std::string_view(start, static_cast<std::size_t>(mark - start));
      }
      cell.end = pass_end();
      return cell;
    }
    if (!pieces) scratch.clear();
    pieces = true;
    scratch.append(piece, mark);
    piece = at_++;
  }
}

CsvCell CsvCursor::cell(std::string& scratch) {
  const char delimiter = dialect_->delimiter;
  const char* p = at_;
  while (p != end_ && dialect_->is_blank(*p)) ++p;
  if (p != end_ && *p == dialect_->quote && begins_quoted(p)) {
    at_ = p;
    return quoted_cell(scratch);
  }
  const char* const start = p;
  while (p != end_ && *p != delimiter && *p != '\n') ++p;
  const char* last = p;
  CsvCell cell;
  if (p == end_) {
    at_ = p;
    cell.end = CellEnd::input;
  } else {
    at_ = p + 1;
    cell.end = *p == '\n' ? CellEnd::line : CellEnd::delimiter;
  }
  if (cell.end == CellEnd::line) ++lines_;
  if (cell.end != CellEnd::delimiter && last != start && last[-1] == '\r') --last;
  while (last != start && dialect_->is_blank(last[-1])) --last;
  cell.text = std::string_view(start, static_cast<std::size_t>(last - start));
  return cell;
}

std::size_t CsvCursor::count_rest(CellEnd end) {
  std::string scratch;
  std::size_t count = 0;
  while (end == CellEnd::delimiter) {
    end = cell(scratch).end;
    ++count;
  }
  return count;
}

bool parse_csv_number(std::string_view cell, double& value) {
  if (cell.starts_with('+') && cell.size() > 1 && cell[1] != '-') cell.remove_prefix(1);
  const auto result = fast_float::from_chars(cell.data(), cell.data() + cell.size(), value);
  return result.ec == std::errc() && result.ptr == cell.data() + cell.size() && !std::isnan(value);
}

std::size_t last_record_end(std::string_view text, const CsvDialect& dialect) {
  const auto last_line_end = text.rfind('\n');
  if (last_line_end == std::string_view::npos) return 0;
  if (dialect.quote == 0 || dialect.quotes_within_line) return last_line_end + 1;
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  std::string scratch;
  for (const char* line = begin;;) {
    const char* quote = find(line, end, dialect.quote);
    if (quote == end) return last_line_end + 1;
    // Up to the line that holds the quote, records end where lines do.
    const auto line_end = std::string_view(line, static_cast<std::size_t>(quote - line)).rfind('\n');
    if (line_end != std::string_view::npos) line += line_end + 1;
    CsvCursor cursor(std::string_view(line, static_cast<std::size_t>(end - line)), dialect);
    if (!cursor.begin_record()) return last_line_end + 1;
    try {
      CellEnd cell_end = CellEnd::delimiter;
      while (cell_end == CellEnd::delimiter) cell_end = cursor.cell(scratch).end;
      if (cell_end == CellEnd::input) return static_cast<std::size_t>(line - begin);
    } catch (const CsvFault& fault) {
      // A quote that is still open may be closed by what follows. Anything else is wrong
      // wherever the text is cut: its parser says so.
      return fault.open ? static_cast<std::size_t>(line - begin) : text.size();
    }
    line = cursor.at();
  }
}

}  // namespace nn::format
