// The grammar of CSV: where cells and records end. Everything that looks at CSV text
// goes through here, so that splitting and parsing never disagree.
//
// A record is cells between delimiters, up to LF, CRLF or the end; a CR elsewhere is an ordinary character
// here, which the parser refuses outside quotes. Spaces and tabs around a cell are left out, unless they are
// the delimiter. A cell whose first character is '"' ends at the next single '"'; '""' inside stands for one,
// and so does '\"' where there is such an escape; line ends inside are text. A quote anywhere else is an
// ordinary character. Blank lines and comments are no records.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nn::format {

enum class CellEnd : std::uint8_t { delimiter, line, input };

struct CsvCell {
  std::string_view text;  // into the input, or into the scratch string when it held quotes
  CellEnd end = CellEnd::input;
  bool quoted = false;
};

struct CsvDialect {
  char delimiter = ',';
  std::string comment;               // empty: none
  std::vector<std::string> missing;  // besides the usual ones
  char quote = '"';                  // 0: none
  bool quotes_within_line = false;  // a cell whose quotes aren't closed before its line ends is no quoted one
  char escape = 0;                  // within quotes, in front of a quote or itself; 0: none
  bool usual_missing = true;        // the words NA and nan are missing values, as the empty cell is

  bool is_blank(char c) const { return (c == ' ' || c == '\t') && c != delimiter; }
  // In a column of texts: what is quoted is a text, whatever it says, unless `missing` has it.
  bool is_missing(const CsvCell& cell) const;
  bool is_listed(std::string_view text) const;  // in `missing`
  // In a column of numbers, where quotes mean nothing.
  bool is_missing_number(std::string_view text) const;
};

// Words by which programs and people write a missing number, besides the usual ones: NULL, N/A, ?, -.
bool is_missing_word(std::string_view text);

// A fault of the text: what is wrong, and how many lines below its start.
struct CsvFault {
  std::int64_t line = 0;
  std::string message;
  bool open = false;  // a quoted cell that the text ends in
  std::string advice = {};
};

// Walks over text that begins at a record's start. `lines` counts the line ends passed.
class CsvCursor {
 public:
  CsvCursor(std::string_view text, const CsvDialect& dialect)
      : at_(text.data()), end_(text.data() + text.size()), dialect_(&dialect) {}

  // Passes over blank lines and comments; false at the end of the text.
  bool begin_record();

  // The next cell of the record; passes over it and what ended it. Throws CsvFault.
  // `scratch` holds the text of a cell with doubled quotes.
  CsvCell cell(std::string& scratch);

  // After cells that ended with `end`: how many more the record has. Throws CsvFault.
  std::size_t count_rest(CellEnd end);

  const char* at() const { return at_; }
  const char* end() const { return end_; }
  std::int64_t lines() const { return lines_; }
  // To a place behind at() that the caller found to be `lines_passed` line ends further.
  void jump(const char* to, std::int64_t lines_passed) {
    at_ = to;
    lines_ += lines_passed;
  }

 private:
  bool begins_quoted(const char* p) const;
  CsvCell quoted_cell(std::string& scratch);
  const char* find_quote() const;
  CellEnd pass_end();

  const char* at_;
  const char* end_;
  const CsvDialect* dialect_;
  std::int64_t lines_ = 0;
};

// The number that all of `cell` spells ("12", "+1.5e-3", "inf"); false when it is none.
// "nan" is no number: it counts as missing.
bool parse_csv_number(std::string_view cell, double& value);

// The last place in `text` where a record ends (just behind its line end); 0 when no
// record ends. `text` begins at a record's start.
std::size_t last_record_end(std::string_view text, const CsvDialect& dialect);

}  // namespace nn::format
