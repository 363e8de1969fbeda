#include "format/csv/parse.hpp"

#include <fast_float/fast_float.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.hpp"
#include "base/text.hpp"
#include "format/csv/number.hpp"

namespace nn::format {

namespace {

class ChunkParser {
 public:
  ChunkParser(const CsvChunk& chunk, const CsvLayout& layout, const CsvDialect& dialect, ParsedChunk& out)
      : chunk_(chunk), layout_(layout), dialect_(dialect), out_(out), cursor_(chunk.text, dialect) {}

  void run(BufferPool& pool) {
    if (const auto nul = chunk_.text.find('\0'); nul != std::string_view::npos) {
      throw CsvFault{
          std::count(chunk_.text.begin(), chunk_.text.begin() + static_cast<std::ptrdiff_t>(nul), '\n'),
          "holds a NUL byte: this is no CSV text"};
    }
    allocate(pool);
    while (cursor_.begin_record()) {
      record();
      ++out_.rows;
    }
    out_.lines = cursor_.lines();
  }

 private:
  // One block for all columns. A record has a line end or delimiter for each of its cells,
  // which bounds the rows whatever the text is.
  void allocate(BufferPool& pool) {
    const std::size_t columns = layout_.columns.size();
    const auto line_ends = static_cast<std::size_t>(std::count(chunk_.text.begin(), chunk_.text.end(), '\n'));
    capacity_ = std::min(line_ends + 1, chunk_.text.size() / columns + 1);
    // Columns a multiple of a page apart would all compete for the same cache lines.
    const std::size_t stride = align_up((capacity_ + 1) * sizeof(double)) + alignment;
    out_.values = pool.get(columns * stride);
    out_.columns.resize(columns);
    numbers_.assign(columns + 1, nullptr);
    for (std::size_t i = 0; i < columns; ++i) {
      std::byte* at = out_.values->data() + i * stride;
      switch (layout_.columns[i].kind) {
        case CsvKind::number:
          out_.columns[i].numbers = reinterpret_cast<double*>(at);
          if (is_plain(layout_.columns[i])) numbers_[i] = out_.columns[i].numbers;
          break;
        case CsvKind::category: out_.columns[i].indices = reinterpret_cast<std::int32_t*>(at); break;
        case CsvKind::text:
          out_.columns[i].offsets = reinterpret_cast<std::int32_t*>(at);
          out_.columns[i].offsets[0] = 0;
          break;
        case CsvKind::left_out: break;
      }
    }
  }

  void record() {
    const std::size_t columns = layout_.columns.size();
    const auto row = static_cast<std::size_t>(out_.rows);
    const std::int64_t first_line = cursor_.lines();
    const char* const start = cursor_.at();
    CellEnd end = CellEnd::delimiter;
    std::size_t i = 0;
    while (end == CellEnd::delimiter) {
      if (i == columns) wrong_count(first_line, i + cursor_.count_rest(end));
      if (numbers_[i] != nullptr) {
        end = numbers(i, row);
      } else {
        end = other(i++, row);
      }
    }
    const auto bytes = static_cast<std::size_t>(cursor_.at() - start);
    if (bytes > layout_.most_row_bytes || (end == CellEnd::input && chunk_.overlong)) too_long(first_line);
    if (i != columns) wrong_count(first_line, i);
  }

  // Cells from column `i` on as long as they are plain numbers, or one that is not; `i` is
  // then behind them.
  CellEnd numbers(std::size_t& i, std::size_t row) {
    const char* p = cursor_.at();
    const char* const text_end = cursor_.end();
    const char delimiter = dialect_.delimiter;
    const bool spaces = delimiter != ' ';
    double* const* column = numbers_.data() + i;
    for (; *column != nullptr && text_end - p >= fast_number_reach; ++column) {
      const char* const cell = p;
      if (*p == ' ' && spaces) ++p;
      // Tables of counts and flags are mostly single digits.
      if (const auto digit = static_cast<unsigned>(*p - '0'); p[1] == delimiter && digit < 10u) {
        (*column)[row] = digit;
        p += 2;
        continue;
      }
      double value;
      const char* behind = fast_number(p, value);
      if (behind == nullptr || (*behind | 0x20) == 'e') behind = long_number(p, value);
      p = cell;
      if (behind == nullptr) break;
      (*column)[row] = value;
      if (*behind == delimiter) {
        p = behind + 1;
        continue;
      }
      behind += *behind == '\r' ? 1 : 0;
      if (*behind != '\n') break;
      cursor_.jump(behind + 1, 1);
      i = static_cast<std::size_t>(column - numbers_.data()) + 1;
      return CellEnd::line;
    }
    i = static_cast<std::size_t>(column - numbers_.data());
    cursor_.jump(p, 0);
    if (*column == nullptr) return CellEnd::delimiter;
    return careful_number(i++, row);
  }

  // With more digits, or an exponent. The text behind it is still there to be looked at.
  const char* long_number(const char* p, double& value) const {
    const auto result = fast_float::from_chars(p, cursor_.end(), value);
    if (result.ec != std::errc() || cursor_.end() - result.ptr < 2 || std::isnan(value)) return nullptr;
    // Where digits may be lost, the cell is looked at with care.
    if (std::fabs(value) >= 0x1p53) return nullptr;
    return result.ptr;
  }

  CellEnd careful_number(std::size_t i, std::size_t row) {
    ParsedColumn& column = out_.columns[i];
    const std::int64_t line = cursor_.lines();
    const CsvCell cell = cursor_.cell(scratch_);
    double& value = column.numbers[row];
    const bool absent = dialect_.is_missing_number(cell.text);
    if (!absent && parse_styled_number(cell.text, layout_.columns[i].style, value)) {
      check_number(i, line, cell.text, value);
      return cell.end;
    }
    if (!absent && !is_missing_word(cell.text)) no_number(i, line, cell);
    if (!absent && !layout_.columns[i].words_said) note(CsvNote::What::word, i, line, cell.text);
    value = std::numeric_limits<double>::quiet_NaN();
    missing(i, row, line);
    return cell.end;
  }

  // Whether the number is what is written.
  void check_number(std::size_t i, std::int64_t line, std::string_view text, double value) {
    if (std::isinf(value) && text.find_first_of("0123456789") != std::string_view::npos) {
      if (text.size() > layout_.most_row_bytes) too_long(line);
      const std::string name = printable(layout_.schema->fields[i].name);
      throw CsvFault{
          line, fmt::format("column '{}': {} is larger than a 64-bit float may be", name, printable(text)),
          false, fmt::format("; --text {} reads the column as text", name)};
    }
    if (layout_.columns[i].exact && differs_as_label(text, value)) no_label(i, line, text, value);
    if (is_rounded(text, value)) note(CsvNote::What::rounded, i, line, text);
  }

  [[noreturn]] void no_number(std::size_t i, std::int64_t line, const CsvCell& cell) {
    const std::string text = printable(cell.text);
    if (const std::size_t cells = i + 1 + cursor_.count_rest(cell.end); cells != layout_.columns.size()) {
      wrong_count(line, cells);
    }
    const std::string name = printable(layout_.schema->fields[i].name);
    throw CsvFault{
        line, fmt::format("column '{}': '{}' is not a number; {}", name, text, layout_.columns[i].why), false,
        fmt::format("; read it as text with --text {}, or say what stands for a missing value with --missing",
                    name)};
  }

  [[noreturn]] void no_label(std::size_t i, std::int64_t line, std::string_view text, double value) const {
    const std::string name = printable(layout_.schema->fields[i].name);
    throw CsvFault{
        line,
        std::trunc(value) != value
            ? fmt::format("column '{}': the label {} is not a whole number, and those before it were", name,
                          text)
            : fmt::format("column '{}': the label {} would become {:.0f}", name, text, value),
        false,
        fmt::format("; --text {} keeps labels as they are written; numbers to predict are a --target", name)};
  }

  void note(CsvNote::What what, std::size_t i, std::int64_t line, std::string_view text) {
    for (const CsvNote& other : out_.notes) {
      if (other.what == what && other.column == i) return;
    }
    out_.notes.push_back({what, i, line, std::string(text)});
  }

  CellEnd other(std::size_t i, std::size_t row) {
    if (layout_.columns[i].kind == CsvKind::number) return careful_number(i, row);
    ParsedColumn& column = out_.columns[i];
    const std::int64_t line = cursor_.lines();
    const CsvCell cell = cursor_.cell(scratch_);
    const CsvKind kind = layout_.columns[i].kind;
    if (kind == CsvKind::left_out) return cell.end;
    // An identity may be called NA.
    const bool is_missing = kind == CsvKind::text && !cell.quoted
                                ? cell.text.empty() || dialect_.is_listed(cell.text)
                                : dialect_.is_missing(cell);
    if (is_missing) missing(i, row, line);
    if (kind == CsvKind::category) {
      const std::size_t known = column.texts.size();
      column.indices[row] = is_missing ? 0 : column.texts.index_of(cell.text);
      if (column.texts.size() > known) check_text(cell, i, line);
      if (cell.text.empty() && !is_missing && column.texts.size() > known) {
        note(CsvNote::What::empty, i, line, cell.text);
      }
    } else {
      if (!is_missing) {
        check_text(cell, i, line);
        column.bytes.insert(column.bytes.end(), cell.text.begin(), cell.text.end());
      }
      column.offsets[row + 1] = static_cast<std::int32_t>(column.bytes.size());
    }
    return cell.end;
  }

  // Of those whose cells need no second look.
  static bool is_plain(const CsvColumn& column) {
    return column.style == NumberStyle::plain && !column.exact;
  }

  void missing(std::size_t i, std::size_t row, std::int64_t line) {
    ParsedColumn& column = out_.columns[i];
    if (layout_.columns[i].is_y) out_.unlabelled.emplace_back(static_cast<std::int64_t>(row), line);
    if (column.validity.empty()) column.validity.assign((capacity_ + 7) / 8, 0xFF);
    std::uint8_t& byte = column.validity[row >> 3];
    byte = static_cast<std::uint8_t>(byte & ~(1u << (row & 7)));
  }

  void check_text(const CsvCell& cell, std::size_t i, std::int64_t line) const {
    const std::string_view text = cell.text;
    if (!cell.quoted && text.find('\r') != std::string_view::npos) {
      throw CsvFault{line,
                     fmt::format("column '{}': a carriage return within '{}', where lines end in LF",
                                 printable(layout_.schema->fields[i].name), printable(text)),
                     false, "; if it ends a line, write all lines anew with: tr '\\r' '\\n'"};
    }
    if (is_utf8(text)) return;
    throw CsvFault{line,
                   fmt::format("column '{}': '{}' is not UTF-8", printable(layout_.schema->fields[i].name),
                               printable(text)),
                   false, "; --encoding says what it is, for example latin1 or windows-1252"};
  }

  [[noreturn]] void wrong_count(std::int64_t line, std::size_t cells) const {
    throw CsvFault{
        line, fmt::format("{} cell{}, expected {}", cells, cells == 1 ? "" : "s", layout_.columns.size())};
  }
  [[noreturn]] void too_long(std::int64_t line) const {
    throw CsvFault{
        line, fmt::format("the row that begins here is over the limit of {} bytes", layout_.most_row_bytes),
        false, max_frame_advice};
  }

  const CsvChunk& chunk_;
  const CsvLayout& layout_;
  const CsvDialect& dialect_;
  ParsedChunk& out_;
  CsvCursor cursor_;
  std::size_t capacity_ = 0;
  std::vector<double*> numbers_;  // of number columns; null for others, and behind the last
  std::string scratch_;
};

}  // namespace

ParsedChunk parse_csv_chunk(const CsvChunk& chunk, const CsvLayout& layout, const CsvDialect& dialect,
                            BufferPool& pool) {
  ParsedChunk out;
  try {
    ChunkParser(chunk, layout, dialect, out).run(pool);
  } catch (CsvFault& fault) {
    if (fault.open && chunk.overlong) fault.advice = " within --max-frame";
    out.fault = std::move(fault);
  }
  return out;
}

}  // namespace nn::format
