#include "format/csv/head.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "format/csv/header.hpp"
#include "format/csv/sniff.hpp"

namespace nn::format {
namespace {

constexpr std::size_t most_sample_bytes = 16 << 20;
constexpr std::size_t most_columns = 65536;

using Texts = std::vector<std::string>;

// Passes over a byte order mark and the skipped lines; returns the lines passed.
std::int64_t skip_lines(CsvChunks& chunks, std::int64_t skip, std::size_t limit) {
  if (chunks.peek(3).starts_with("\xEF\xBB\xBF")) chunks.advance(3);
  std::int64_t lines = 0;
  std::size_t wanted = 1, searched = 0;
  while (lines < skip) {
    const std::string_view ahead = chunks.peek(wanted);
    const auto end = ahead.find('\n', std::exchange(searched, ahead.size()));
    if (end != std::string_view::npos) {
      chunks.advance(end + 1);
      ++lines;
      wanted = 1;
      searched = 0;
    } else if (ahead.size() < wanted || ahead.size() > limit) {
      chunks.advance(ahead.size());
      break;
    } else {
      wanted = ahead.size() + 1;
    }
  }
  return lines;
}

// Spreadsheets say in a first line what divides cells: sep=; and no more. Passes over it; 0: there is none.
char take_separator_line(CsvChunks& chunks, char told) {
  constexpr std::string_view key = "sep=";
  const std::string_view line = chunks.peek(key.size() + 3);
  if (line.size() <= key.size() + 1 || !line.starts_with(key)) return '\0';
  const char separator = line[key.size()];
  const std::string_view rest = line.substr(key.size() + 1);
  if (std::string_view(",;|\t ").find(separator) == std::string_view::npos) return '\0';
  if (told != '\0' && told != separator) return '\0';
  const std::size_t end = rest.starts_with("\r\n") ? 2 : rest[0] == '\n' ? 1 : 0;
  if (end > 0) chunks.advance(key.size() + 1 + end);
  return end > 0 ? separator : '\0';
}

// Text of the records ahead, for a look at them: complete ones only.
std::string_view sample(CsvChunks& chunks, const CsvLookOptions& look, std::size_t limit) {
  for (std::size_t wanted = look.bytes;;) {
    const std::string_view ahead = chunks.peek(wanted);
    const bool all = ahead.size() < wanted || chunks.mapped();
    const std::string_view seen = ahead.substr(0, std::min(wanted, ahead.size()));
    if (all && seen.size() == ahead.size()) return seen;
    const std::size_t end = last_record_end(seen, chunks.dialect());
    const auto rows = std::count(seen.begin(), seen.begin() + static_cast<std::ptrdiff_t>(end), '\n');
    if (end > 0 && (rows >= look.rows || wanted >= most_sample_bytes)) return seen.substr(0, end);
    if (wanted > limit) return seen;
    wanted *= 2;
  }
}

CsvRecord read_record(CsvCursor& cursor) {
  CsvRecord record;
  std::string scratch;
  CellEnd end = CellEnd::delimiter;
  while (end == CellEnd::delimiter) {
    const CsvCell cell = cursor.cell(scratch);
    record.cells.emplace_back(cell.text);
    record.quoted.push_back(cell.quoted);
    end = cell.end;
    if (record.cells.size() > most_columns) {
      throw CsvFault{0, fmt::format("more than {} columns", most_columns), false, "; is --delimiter right?"};
    }
  }
  return record;
}

// The header of the input before this one again.
bool are_names_of(const Schema& like, const Texts& cells) {
  return std::equal(like.fields.begin(), like.fields.end(), cells.begin(), cells.end(),
                    [](const Field& field, const std::string& cell) { return field.name == cell; });
}

bool names_known_columns(const Texts& cells, const TableForm& form) {
  return std::any_of(form.columns.begin(), form.columns.end(), [&](const TableForm::Column& column) {
    return std::find(cells.begin(), cells.end(), column.name) != cells.end();
  });
}

struct Where {
  std::string text;
  bool quiet;
};

// Says what was decided, where that isn't plain.
bool is_header(const CsvRecord& first, std::string_view rows, const SourceOptions& options,
               const Schema* like, const CsvDialect& dialect, const Where& where) {
  if (options.csv.header != CsvOptions::Header::automatic) {
    return options.csv.header == CsvOptions::Header::yes;
  }
  if (like != nullptr && are_names_of(*like, first.cells)) return true;
  if (names_known_columns(first.cells, options.form)) return true;
  if (options.form.header) return *options.form.header;
  const HeaderVerdict verdict = decide_header(first, rows, dialect);
  if (!verdict.reason.empty() && !where.quiet) {
    warn("{}: taken for {}: {}; {} if it isn't", where.text, verdict.header ? "a header" : "data",
         verdict.reason, verdict.header ? "--no-header" : "--header");
  }
  return verdict.header;
}

// Line ends and tabs may be part of a name, as spreadsheets have them; a CR in quotes only, as in cells.
bool is_plain_name(const std::string& name, bool quoted) {
  std::string without = name;
  std::erase_if(without, [&](char c) { return c == '\n' || c == '\t' || (c == '\r' && quoted); });
  return printable(without, without.size() + 1) == without;
}

Texts column_names(const CsvRecord& record, bool header, const std::string& where) {
  const Texts& first = record.cells;
  Texts names;
  std::map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < first.size(); ++i) {
    names.push_back(header && !first[i].empty() ? first[i] : fmt::format("c{}", i));
    const auto [other, fresh] = seen.emplace(names.back(), i);
    if (!fresh) {
      throw data_error("columns {} and {} are both named '{}'", other->second, i, printable(names.back()))
          .within_file(where)
          .advise("; name them differently, or read the line as data with --no-header");
    }
    if (!is_plain_name(names.back(), record.quoted[i])) {
      throw data_error("the name of column {} is not plain UTF-8 text: '{}'", i, printable(names.back()))
          .within_file(where)
          .advise("{}", names.back().find('\r') == std::string::npos
                            ? "; --encoding says what it is, for example latin1 or windows-1252"
                            : "; if CR ends lines here, write all lines anew with: tr '\\r' '\\n'");
    }
  }
  return names;
}

std::string delimiter_name(char delimiter) {
  if (delimiter == '\t') return "tabs";
  if (delimiter == ' ') return "spaces";
  return fmt::format("'{}'", delimiter);
}

// Sets the dialect by what the text shows, where nobody said it.
void sniff(CsvChunks& chunks, std::string_view text, const SourceOptions& options, bool delimiter,
           const Where& where) {
  const CsvOptions& csv = options.csv;
  const CsvDialect likely = chunks.dialect();
  const Sniffed found = sniff_dialect(
      text, likely, {.delimiter = delimiter, .escape = !csv.escape, .quote_told = csv.quote.has_value()});
  const CsvDialect& dialect = found.dialect;
  if (!where.quiet && found.in_columns) {
    warn(
        "{}: its numbers stand in columns with several spaces between, which divide no cells; read it "
        "through: tr "
        "-s ' ', with --delimiter space",
        where.text);
  }
  if (!where.quiet && dialect.delimiter != likely.delimiter) {
    if (found.in_doubt || dialect.delimiter == ' ') {
      warn("{}: cells are taken to be divided by {}; --delimiter says what divides them otherwise",
           where.text, delimiter_name(dialect.delimiter));
    } else {
      note("{}: cells are divided by {}", where.text, delimiter_name(dialect.delimiter));
    }
  }
  if (!where.quiet && dialect.escape != likely.escape) {
    warn(
        "{}: quotes within cells are taken to be written as {}{}, as it cannot be read otherwise; --escape "
        "none "
        "if they aren't",
        where.text, dialect.escape, dialect.quote);
  }
  chunks.set_dialect(dialect);
}

}  // namespace

CsvHead read_csv_head(CsvChunks& chunks, const SourceOptions& options, const std::string& name,
                      const Schema* like, CsvLookOptions look) {
  CsvHead head;
  head.lines = skip_lines(chunks, options.csv.skip, options.limits.max_frame);
  const char separator = take_separator_line(chunks, options.csv.delimiter);
  if (separator != '\0') {
    ++head.lines;
    CsvDialect dialect = chunks.dialect();
    set_delimiter(dialect, separator, options.csv.quote.has_value());
    chunks.set_dialect(dialect);
  }
  const std::string_view text = sample(chunks, look, options.limits.max_frame);
  if (text.find('\0') != std::string_view::npos)
    throw data_error("holds NUL bytes: this is no CSV text")
        .within_file(name)
        .advise("; UTF-16 without its byte order mark is read with --encoding utf-16le");
  sniff(chunks, text, options, separator == '\0' && options.csv.delimiter == 0, {name, look.quiet});
  CsvCursor cursor(text, chunks.dialect());
  if (!cursor.begin_record()) {
    throw data_error("there are no rows{}", !text.empty() ? ""
                                            : name == "standard input"
                                                ? ": the program in front wrote nothing"
                                                : ": it is empty")
        .within_file(name);
  }
  const std::string where = fmt::format("{}:{}", name, head.lines + cursor.lines() + 1);
  CsvRecord first;
  try {
    first = read_record(cursor);
  } catch (const CsvFault& fault) {
    throw Error(ErrorKind::data, fault.message).advise("{}", fault.advice).within_file(where);
  }
  head.rows = text;
  head.rows.remove_prefix(static_cast<std::size_t>(cursor.at() - text.data()));
  const bool header = is_header(first, head.rows, options, like, chunks.dialect(), {where, look.quiet});
  head.names = column_names(first, header, where);
  if (header) {
    head.lines += cursor.lines();
    chunks.advance(text.size() - head.rows.size());
  } else {
    head.rows = text;
  }
  return head;
}

}  // namespace nn::format
