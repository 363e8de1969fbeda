#include "format/csv/layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "format/column_wishes.hpp"
#include "format/csv/head.hpp"
#include "format/csv/kinds.hpp"
#include "format/csv/sniff.hpp"
#include "format/findings.hpp"
#include "format/reading.hpp"

namespace nn::format {
namespace {

// How far a column without a value is followed through a file that lies in memory.
constexpr std::size_t most_searched_bytes = 64 << 20;
constexpr std::size_t search_piece = 1 << 20;

// Numbers of which each is in quotes, where other columns do without them, are texts to who wrote them; as
// our own are.
bool are_quoted_texts(const std::vector<ColumnLook>& looks, std::size_t i) {
  const ColumnLook& look = looks[i];
  if (look.numbers == 0 || look.texts > 0 || look.bare + look.needed > 0) return false;
  return std::any_of(looks.begin(), looks.end(), [](const ColumnLook& other) {
    return other.bare > other.bare_words && other.quoted == 0;
  });
}

// A column of numbers in which a cell is none was hardly meant as categories. However often a text is
// repeated, it is one: different ones are counted.
void warn_of_strays(const std::vector<ColumnLook>& looks, const CsvLayout& layout,
                    const std::vector<ColumnWish>& wishes, const std::string& name) {
  for (std::size_t i = 0; i < looks.size(); ++i) {
    const ColumnLook& look = looks[i];
    if (layout.columns[i].kind != CsvKind::category || look.different_numbers <= look.different_texts)
      continue;
    if (wishes[i].told_category || are_quoted_texts(looks, i)) continue;
    warn("{}:{}: '{}' makes column '{}' one of categories, though {} of the first {} cells are numbers; {}",
         name, layout.lines + look.text_line + 1, printable(look.text),
         printable(layout.schema->fields[i].name), look.numbers, look.numbers + look.texts,
         look.text_line == 0 ? "is this line a header (--header, or --skip)?"
                             : "--missing takes such cells for missing values, --text the column as it is");
    return;  // the first one says enough
  }
}

std::string listed(const std::vector<std::string>& texts) {
  constexpr std::size_t most = 5;
  std::string list;
  for (std::size_t i = 0; i < std::min(texts.size(), most); ++i) list += (i == 0 ? "" : ", ") + texts[i];
  return texts.size() > most ? fmt::format("{} and {} more", list, texts.size() - most) : list;
}

std::string quoted_list(std::vector<std::string> texts) {
  for (std::string& text : texts) text = fmt::format("'{}'", printable(text, 30));
  return listed(texts);
}

void add_new(std::vector<std::string>& list, const std::string& text) {
  if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
}

// What was read into cells that might be meant otherwise: words for missing values, and numbers with groups
// or a comma.
void tell_of_numbers(const std::vector<ColumnLook>& looks, CsvLayout& layout, const std::string& name,
                     bool quiet) {
  std::vector<std::string> words, with_words, points, commas;
  for (std::size_t i = 0; i < looks.size(); ++i) {
    CsvColumn& column = layout.columns[i];
    if (column.kind != CsvKind::number) continue;
    const std::string& title = layout.schema->fields[i].name;
    if (!looks[i].words.empty()) {
      column.words_said = true;
      with_words.push_back(title);
      for (const std::string& word : looks[i].words) add_new(words, word);
    }
    if (looks[i].style_told) continue;
    if (column.style == NumberStyle::point) points.push_back(title);
    if (column.style == NumberStyle::comma) commas.push_back(title);
  }
  if (quiet) return;
  if (!words.empty()) {
    warn("{}: {} in {} {} taken for missing values of numbers; --text reads such a column as text", name,
         quoted_list(words), quoted_list(with_words), words.size() == 1 ? "is" : "are");
  }
  if (!points.empty())
    warn(
        "{}: commas in the numbers of {} are taken to divide thousands; --decimal , reads them as decimal "
        "ones, "
        "--text as text",
        name, quoted_list(points));
  if (!commas.empty())
    warn(
        "{}: the numbers of {} are taken to have decimal commas; --decimal . says that a comma divides "
        "thousands, --text reads them as text",
        name, quoted_list(commas));
}

void tell_of_quotes(const std::vector<ColumnLook>& looks, const CsvLayout& layout,
                    const std::vector<ColumnWish>& wishes, const std::string& name) {
  std::vector<std::string> quoted;
  for (std::size_t i = 0; i < looks.size(); ++i) {
    if (layout.columns[i].kind == CsvKind::category && !wishes[i].told_category && !layout.columns[i].known &&
        are_quoted_texts(looks, i))
      quoted.push_back(layout.schema->fields[i].name);
  }
  if (quoted.empty()) return;
  warn(
      "{}: the numbers of {} are in quotes, which others do without: {} taken for texts; --number reads "
      "numbers",
      name, quoted_list(quoted), quoted.size() == 1 ? "the column is" : "they are");
}

// Numbers that were codes, and texts that were to be numbers: neither can be seen later.
void tell_of_guesses(const std::vector<ColumnLook>& looks, const CsvLayout& layout,
                     const std::vector<ColumnWish>& wishes, const std::string& name, Findings* findings) {
  std::vector<std::string> padded, quantities, dates;
  for (std::size_t i = 0; i < looks.size(); ++i) {
    const ColumnLook& look = looks[i];
    const CsvColumn& column = layout.columns[i];
    const ColumnWish& wish = wishes[i];
    if (column.known || wish.kind != ColumnWish::Kind::open || wish.target) continue;
    const std::string& title = layout.schema->fields[i].name;
    if (column.kind == CsvKind::number && !look.padded.empty() && findings != nullptr)
      findings->add_padded(title);
    if (column.kind == CsvKind::number && !look.padded.empty())
      padded.push_back(fmt::format("'{}' ({})", printable(title, 30), printable(look.padded, 30)));
    const bool is_stray = look.different_numbers > look.different_texts;
    if (column.kind != CsvKind::category || wish.label || is_stray || look.like == Likeness::none) continue;
    (look.like == Likeness::date ? dates : quantities)
        .push_back(fmt::format("'{}' ({})", printable(title, 30), printable(look.like_text, 30)));
  }
  if (!padded.empty()) {
    warn(
        "{}: leading zeros are lost in {}, which {} taken for numbers; --text keeps cells as they are "
        "written",
        name, listed(padded), padded.size() == 1 ? "is" : "are");
  }
  if (quantities.empty() && dates.empty()) return;
  const char* const what = dates.empty()        ? "numbers with a sign or unit"
                           : quantities.empty() ? "dates or times"
                                                : "numbers with a sign or unit, and dates or times,";
  quantities.insert(quantities.end(), dates.begin(), dates.end());
  warn(
      "{}: {} in {} are taken for texts, each of which is a category; what is to be a number has to be "
      "written as one; "
      "--text says that texts are meant, --drop leaves a column out",
      name, what, listed(quantities));
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

std::shared_ptr<Schema> make_schema(const std::vector<std::string>& names) {
  auto schema = std::make_shared<Schema>();
  for (const std::string& name : names) {
    Field field;
    field.name = name;
    field.nullable = true;
    schema->fields.push_back(std::move(field));
  }
  return schema;
}

std::optional<NumberStyle> style_told(const CsvOptions& options) {
  if (options.decimal == 0) return std::nullopt;
  return options.decimal == ',' ? NumberStyle::comma : NumberStyle::point;
}

// Follows columns that are without a value in the sample until one shows what they are.
void search_open(std::vector<ColumnLook>& looks, std::string_view rest, const CsvDialect& dialect,
                 NumberStyle style) {
  rest = rest.substr(0, most_searched_bytes);
  const auto is_open = [](const ColumnLook& look) { return look.open(); };
  while (!rest.empty() && std::any_of(looks.begin(), looks.end(), is_open)) {
    const std::size_t end = last_record_end(rest.substr(0, search_piece), dialect);
    if (end == 0) return;
    std::vector<bool> wanted;
    for (const ColumnLook& look : looks) wanted.push_back(look.open());
    std::vector<ColumnLook> piece = look_at_columns(rest.substr(0, end), dialect, wanted, style);
    for (std::size_t i = 0; i < looks.size(); ++i) {
      if (looks[i].open()) looks[i] = std::move(piece[i]);
    }
    rest.remove_prefix(end);
  }
}

std::vector<ColumnLook> look_at_rows(CsvChunks& chunks, const CsvHead& head, const CsvOptions& options) {
  const std::optional<NumberStyle> told = style_told(options);
  const NumberStyle style = told.value_or(NumberStyle::plain);
  std::vector<ColumnLook> looks =
      look_at_columns(head.rows, chunks.dialect(), std::vector<bool>(head.names.size(), true), style);
  if (chunks.mapped()) {
    search_open(looks, chunks.peek(1).substr(head.rows.size()), chunks.dialect(), style);
  }
  for (ColumnLook& look : looks) look.style_told = told.has_value();
  return looks;
}

void take_looks(CsvLayout& layout, const std::vector<ColumnLook>& looks) {
  for (std::size_t i = 0; i < looks.size(); ++i) {
    const bool number = looks[i].texts == 0 && !are_quoted_texts(looks, i);
    layout.columns[i].kind = number ? CsvKind::number : CsvKind::category;
    layout.columns[i].style = looks[i].style;
    if (looks[i].open()) layout.columns[i].why = "the column had no values before, and is one of numbers";
  }
}

// Texts that are True and False are numbers to whom they were numbers.
bool are_truths(const ColumnLook& look) {
  return look.numbers == 0 && look.texts > 0 && look.different_texts <= 2 &&
         (equal_ignoring_case(look.text, "true") || equal_ignoring_case(look.text, "false"));
}

void take_known(CsvLayout& layout, const std::vector<ColumnLook>& looks, const TableForm& form) {
  for (const TableForm::Column& known : form.columns) {
    const auto at = layout.schema->find(known.name);
    if (!at || (!known.text && are_truths(looks[*at]))) continue;
    layout.columns[*at].kind = known.text ? CsvKind::category : CsvKind::number;
    layout.columns[*at].why = "the model learned from numbers here";
    layout.columns[*at].known = true;
  }
}

void take_wishes(CsvLayout& layout, const std::vector<ColumnLook>& looks,
                 const std::vector<ColumnWish>& wishes, const SourceOptions& options) {
  using Kind = ColumnWish::Kind;
  for (std::size_t i = 0; i < wishes.size(); ++i) {
    const ColumnWish& wish = wishes[i];
    CsvColumn& column = layout.columns[i];
    switch (wish.kind) {
      case Kind::open: break;
      case Kind::number: column.kind = CsvKind::number; break;
      case Kind::category: column.kind = CsvKind::category; break;
      case Kind::text: column.kind = CsvKind::text; break;
      case Kind::left_out: column.kind = CsvKind::left_out; break;
    }
    if (!wish.why.empty()) column.why = wish.why;
    column.is_y = wish.y && options.y_is_needed;
    column.exact = wish.label;
    if (wish.target && column.kind == CsvKind::category && !looks.empty() && looks[i].texts == 0)
      column.kind = CsvKind::number;
    if (wish.label && !looks.empty() && looks[i].as_written) column.kind = CsvKind::category;
  }
}

}  // namespace

CsvDialect csv_dialect(const SourceOptions& options) {
  CsvDialect dialect;
  const CsvOptions& csv = options.csv;
  dialect.quote = csv.quote.value_or('"');
  const char usual = options.format == FileFormat::tsv ? '\t' : ',';
  set_delimiter(dialect, csv.delimiter != 0 ? csv.delimiter : usual, csv.quote.has_value());
  if (dialect.quote == dialect.delimiter)
    fail_usage("cells cannot be both quoted and delimited by '{}'", printable({&dialect.quote, 1}));
  dialect.escape = csv.escape.value_or('\0');
  dialect.comment = csv.comment;
  dialect.missing = csv.missing;
  dialect.usual_missing = csv.usual_missing;
  return dialect;
}

CsvLayout read_csv_layout(CsvChunks& chunks, const SourceOptions& options, const std::string& name,
                          const Schema* like) {
  chunks.set_dialect(csv_dialect(options));
  const bool said =
      options.read_before || (options.findings && like == nullptr && options.findings->began_again());
  const CsvHead head = read_csv_head(chunks, options, name, like, {.quiet = said});
  CsvLayout layout;
  layout.lines = head.lines;
  layout.most_row_bytes = options.limits.max_frame;
  layout.columns.resize(head.names.size());
  const auto schema = make_schema(head.names);
  if (const table::Reading reading = text_reading(options); reading != table::Reading{})
    schema->metadata.set(reading_key, reading_to_json(reading));
  layout.schema = schema;
  try {
    std::vector<CsvKind> kinds;
    if (like != nullptr) kinds = kinds_of(*like);
    const bool alike = kinds.size() == head.names.size();
    // In plain tables that are like another one there is nothing more to be seen.
    const bool plain = chunks.dialect().delimiter == ',' && head.rows.find('"') == std::string_view::npos &&
                       options.csv.decimal == 0;
    std::vector<ColumnLook> looks;
    if (!alike || !plain) {
      looks = look_at_rows(chunks, head, options.csv);
      take_looks(layout, looks);
    }
    if (alike) {
      for (std::size_t i = 0; i < kinds.size(); ++i) layout.columns[i].kind = kinds[i];
    } else {
      take_known(layout, looks, options.form);
    }
    const std::vector<ColumnWish> wishes = column_wishes(*schema, options);
    take_wishes(layout, looks, wishes, options);
    if (!alike && options.findings) {
      for (std::size_t i = 0; i < looks.size(); ++i) {
        if (looks[i].open()) options.findings->add_open(head.names[i]);
      }
    }
    if (!alike && !said) {
      warn_of_strays(looks, layout, wishes, name);
      tell_of_quotes(looks, layout, wishes, name);
      tell_of_guesses(looks, layout, wishes, name, options.findings.get());
    }
    tell_of_numbers(looks, layout, name, said);
  } catch (const Error& error) {
    throw error.within_file(name);
  }
  for (std::size_t i = 0; i < head.names.size(); ++i) {
    schema->fields[i].type = type_of(layout.columns[i].kind);
  }
  return layout;
}

std::vector<ColumnSeen> columns_of_csv(CsvChunks& chunks, const SourceOptions& options,
                                       const std::string& name, std::size_t bytes) {
  chunks.set_dialect(csv_dialect(options));
  const CsvHead head =
      read_csv_head(chunks, options, name, nullptr, {.bytes = bytes, .rows = 1, .quiet = true});
  const std::vector<ColumnLook> looks =
      look_at_columns(head.rows, chunks.dialect(), std::vector<bool>(head.names.size(), true),
                      style_told(options.csv).value_or(NumberStyle::plain));
  std::vector<ColumnSeen> seen;
  for (std::size_t i = 0; i < looks.size(); ++i) {
    const bool text = looks[i].texts > 0;
    seen.push_back({.column = head.names[i],
                    .numbers = looks[i].numbers > 0,
                    .text = looks[i].text,
                    .line = text ? head.lines + looks[i].text_line + 1 : 0,
                    .padded = looks[i].padded});
  }
  return seen;
}

}  // namespace nn::format
