#include "format/csv/layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "format/csv/header.hpp"
#include "table/columns.hpp"

namespace nn::format {
namespace {

constexpr std::size_t sample_bytes = 1 << 20;
constexpr std::int64_t sample_rows = 1000;
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

// Text of the records ahead, for a look at them: complete ones only.
std::string_view sample(CsvChunks& chunks, std::size_t limit) {
  for (std::size_t wanted = sample_bytes;;) {
    const std::string_view ahead = chunks.peek(wanted);
    const bool all = ahead.size() < wanted || chunks.mapped();
    const std::string_view seen = ahead.substr(0, std::min(wanted, ahead.size()));
    if (all && seen.size() == ahead.size()) return seen;
    const std::size_t end = last_record_end(seen, chunks.dialect());
    const auto rows = std::count(seen.begin(), seen.begin() + static_cast<std::ptrdiff_t>(end), '\n');
    if (end > 0 && (rows >= sample_rows || wanted >= most_sample_bytes)) return seen.substr(0, end);
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

bool is_number(std::string_view cell) {
  double value = 0;
  return parse_csv_number(cell, value);
}

// Says what was decided, where that isn't plain.
bool is_header(const CsvRecord& first, std::string_view rows, const CsvOptions& options,
               const CsvDialect& dialect, const std::string& where) {
  if (options.header != CsvOptions::Header::automatic) return options.header == CsvOptions::Header::yes;
  const HeaderVerdict verdict = decide_header(first, rows, dialect);
  if (!verdict.reason.empty()) {
    warn("{}: taken for {}: {}; {} if it isn't", where, verdict.header ? "a header" : "data", verdict.reason,
         verdict.header ? "--no-header" : "--header");
  }
  return verdict.header;
}

// The header of the input before this one again.
bool are_names_of(const Schema& like, const Texts& cells) {
  return std::equal(like.fields.begin(), like.fields.end(), cells.begin(), cells.end(),
                    [](const Field& field, const std::string& cell) { return field.name == cell; });
}

Texts column_names(const Texts& first, bool header, const std::string& where) {
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
    if (printable(names.back(), names.back().size() + 1) != names.back()) {
      throw data_error("the name of column {} is not plain UTF-8 text: '{}'", i, printable(names.back()))
          .within_file(where)
          .advise("{}", names.back().find('\r') == std::string::npos
                            ? "; --encoding says what it is, for example latin1 or windows-1252"
                            : "; if CR ends lines here, write all lines anew with: tr '\\r' '\\n'");
    }
  }
  return names;
}

// A column's kind, as the sample shows it.
struct Look {
  std::int64_t numbers = 0, texts = 0;
  std::int64_t line = 0;  // of the first text, from 0
  std::string text;
};

// Faults of the text are left to the parser.
std::vector<Look> look_at(std::string_view text, const CsvDialect& dialect, std::size_t columns) {
  std::vector<Look> looks(columns);
  CsvCursor cursor(text, dialect);
  std::string scratch;
  try {
    while (cursor.begin_record()) {
      const std::int64_t line = cursor.lines();
      CellEnd end = CellEnd::delimiter;
      for (std::size_t i = 0; end == CellEnd::delimiter; ++i) {
        const CsvCell cell = cursor.cell(scratch);
        end = cell.end;
        if (i >= columns || dialect.is_missing(cell.text)) continue;
        Look& look = looks[i];
        if (is_number(cell.text)) {
          ++look.numbers;
        } else if (look.texts++ == 0) {
          look.line = line;
          look.text = cell.text;
        }
      }
    }
  } catch (const CsvFault&) {
  }
  return looks;
}

// A column of numbers in which a cell is none was hardly meant as categories.
void warn_of_strays(const std::vector<Look>& looks, const std::vector<CsvKind>& kinds, const Schema& schema,
                    const CsvOptions& options, const std::string& name, std::int64_t lines) {
  for (std::size_t i = 0; i < looks.size(); ++i) {
    const Look& look = looks[i];
    if (kinds[i] != CsvKind::category || look.numbers <= look.texts) continue;
    const std::string& column = schema.fields[i].name;
    const bool wanted = std::any_of(options.text.begin(), options.text.end(), [&](const std::string& text) {
      return table::find_column(schema, text, "--text") == i;
    });
    if (wanted) continue;
    warn("{}:{}: '{}' makes column '{}' one of categories, though {} of the first {} cells are numbers; {}",
         name, lines + look.line + 1, printable(look.text), printable(column), look.numbers,
         look.numbers + look.texts,
         look.line == 0 ? "is this line a header (--header, or --skip)?"
                        : "--missing takes such cells for missing values, --text the column as it is");
    return;  // the first one says enough
  }
}

// The kinds that `like` had, where all its columns are such as CSV gives.
std::vector<CsvKind> kinds_of(const Schema& like) {
  std::vector<CsvKind> kinds;
  for (const Field& field : like.fields) {
    if (field.type == DType::f64 && field.shape.empty()) {
      kinds.push_back(CsvKind::number);
    } else if (field.type == DType::category) {
      kinds.push_back(CsvKind::category);
    } else if (field.type == DType::utf8) {
      kinds.push_back(CsvKind::text);
    } else if (field.type == DType::opaque && field.foreign_type.empty()) {
      kinds.push_back(CsvKind::left_out);
    } else {
      return {};
    }
  }
  return kinds;
}

DType type_of(CsvKind kind) {
  switch (kind) {
    case CsvKind::number: return DType::f64;
    case CsvKind::category: return DType::category;
    case CsvKind::text: return DType::utf8;
    default: return DType::opaque;
  }
}

std::shared_ptr<Schema> make_schema(const Texts& names) {
  auto schema = std::make_shared<Schema>();
  for (const std::string& name : names) {
    Field field;
    field.name = name;
    field.nullable = true;
    schema->fields.push_back(std::move(field));
  }
  return schema;
}

void apply_options(std::vector<CsvKind>& kinds, const Schema& schema, const SourceOptions& options) {
  for (const std::string& name : options.csv.text)
    kinds[table::find_column(schema, name, "--text")] = CsvKind::category;
  for (const std::string& name : options.csv.number)
    kinds[table::find_column(schema, name, "--number")] = CsvKind::number;
  const table::ColumnChoice choice = table::choose_columns(schema, options.columns);
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    if (!choice.keeps(i)) kinds[i] = CsvKind::left_out;
  }
  if (choice.id && kinds[*choice.id] == CsvKind::category) kinds[*choice.id] = CsvKind::text;
}

}  // namespace

CsvDialect csv_dialect(const SourceOptions& options) {
  CsvDialect dialect;
  dialect.delimiter = options.csv.delimiter;
  if (dialect.delimiter == 0) dialect.delimiter = options.format == FileFormat::tsv ? '\t' : ',';
  dialect.quote = options.csv.quote.value_or('"');
  if (dialect.quote == dialect.delimiter)
    fail_usage("cells cannot be both quoted and delimited by '{}'", printable({&dialect.quote, 1}));
  // Writers of tables of tabs don't quote, and some do.
  dialect.quotes_within_line = !options.csv.quote && dialect.delimiter == '\t';
  dialect.comment = options.csv.comment;
  dialect.missing = options.csv.missing;
  return dialect;
}

CsvLayout read_csv_layout(CsvChunks& chunks, const SourceOptions& options, const std::string& name,
                          const Schema* like) {
  chunks.set_dialect(csv_dialect(options));
  CsvLayout layout;
  layout.lines = skip_lines(chunks, options.csv.skip, options.limits.max_frame);
  const std::string_view text = sample(chunks, options.limits.max_frame);
  if (text.find('\0') != std::string_view::npos)
    throw data_error("holds NUL bytes: this is no CSV text")
        .within_file(name)
        .advise("; UTF-16 without its byte order mark is read with --encoding utf-16le");
  CsvCursor cursor(text, chunks.dialect());
  if (!cursor.begin_record()) {
    throw data_error("there are no rows{}", !text.empty() ? ""
                                            : name == "standard input"
                                                ? ": the program in front wrote nothing"
                                                : ": it is empty")
        .within_file(name);
  }
  const std::string where = fmt::format("{}:{}", name, layout.lines + cursor.lines() + 1);
  CsvRecord first;
  try {
    first = read_record(cursor);
  } catch (const CsvFault& fault) {
    throw Error(ErrorKind::data, fault.message).advise("{}", fault.advice).within_file(where);
  }
  std::string_view rows = text;
  rows.remove_prefix(static_cast<std::size_t>(cursor.at() - text.data()));
  const bool header = (like != nullptr && options.csv.header == CsvOptions::Header::automatic &&
                       are_names_of(*like, first.cells)) ||
                      is_header(first, rows, options.csv, chunks.dialect(), where);
  const Texts names = column_names(first.cells, header, where);
  const auto schema = make_schema(names);
  if (header) {
    layout.lines += cursor.lines();
    chunks.advance(text.size() - rows.size());
  } else {
    rows = text;
  }
  try {
    if (like != nullptr) layout.kinds = kinds_of(*like);
    if (layout.kinds.size() != names.size()) {
      layout.kinds.clear();
      const std::vector<Look> looks = look_at(rows, chunks.dialect(), names.size());
      for (const Look& look : looks)
        layout.kinds.push_back(look.texts == 0 ? CsvKind::number : CsvKind::category);
      apply_options(layout.kinds, *schema, options);
      warn_of_strays(looks, layout.kinds, *schema, options.csv, name, layout.lines);
    }
  } catch (const Error& error) {
    throw error.within_file(name);
  }
  for (std::size_t i = 0; i < names.size(); ++i) schema->fields[i].type = type_of(layout.kinds[i]);
  layout.schema = schema;
  layout.most_row_bytes = options.limits.max_frame;
  return layout;
}

}  // namespace nn::format
