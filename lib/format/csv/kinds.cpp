#include "format/csv/kinds.hpp"

#include <algorithm>
#include <functional>
#include <set>
#include <unordered_set>

#include "format/csv/number.hpp"

namespace nn::format {
namespace {

constexpr std::size_t most_different = 10'000;

// Calls body(line, column, cell) for each cell of each record that is in a wanted column, up to a fault.
template <typename Body>
void for_each_cell(std::string_view text, const CsvDialect& dialect, const std::vector<bool>& wanted,
                   Body&& body) {
  CsvCursor cursor(text, dialect);
  std::string scratch;
  try {
    while (cursor.begin_record()) {
      const std::int64_t line = cursor.lines();
      CellEnd end = CellEnd::delimiter;
      for (std::size_t i = 0; end == CellEnd::delimiter; ++i) {
        const CsvCell cell = cursor.cell(scratch);
        end = cell.end;
        if (i < wanted.size() && wanted[i]) body(line, i, cell);
      }
    }
  } catch (const CsvFault&) {
  }
}

// Most numbers are read without general routines. `cell` is a piece of `text`, or none of it.
bool is_fast_number(std::string_view cell, std::string_view text, double& value) {
  const char* const begin = cell.data();
  const char* const end = text.data() + text.size();
  if (std::less<>()(begin, text.data()) || !std::less<>()(begin, end) || end - begin < fast_number_reach)
    return false;
  return fast_number(begin, value) == begin + cell.size();
}

// Whether a column's texts are all quantities of one unit, or dates.
void look_like(ColumnLook& look, std::string_view text) {
  const TextLooks looks = looks_of(text);
  if (look.like_text.empty()) {
    look.like_text = text;
    look.like = looks.like;
  } else if (looks != looks_of(look.like_text)) {
    look.like = Likeness::none;
  }
}

// A column whose cells are of several kinds.
struct Mixture {
  std::unordered_set<double> numbers;
  std::set<std::string, std::less<>> texts;  // no words for missing values
  std::set<std::string, std::less<>> words;
  std::int64_t text_cells = 0, text_line = -1;
  std::string text;
  bool points = true, commas = true;  // all that is no word is a number of this style

  void add(std::int64_t line, const CsvCell& cell, NumberStyle style) {
    double value = 0;
    const bool plain = parse_styled_number(cell.text, style, value);
    if (!plain && is_missing_word(cell.text)) {
      words.emplace(cell.text);
      return;
    }
    double other = 0;
    points = points && parse_styled_number(cell.text, NumberStyle::point, other);
    commas = commas && parse_styled_number(cell.text, NumberStyle::comma, other);
    if (plain) {
      if (numbers.size() < most_different) numbers.insert(value);
      return;
    }
    ++text_cells;
    if (text_line < 0) {
      text_line = line;
      text = cell.text;
    }
    if (texts.size() < most_different) texts.emplace(cell.text);
  }

  void tell(ColumnLook& look, const CsvDialect& dialect, NumberStyle style) const {
    look.different_numbers = numbers.size();
    look.different_texts = texts.size();
    const bool styled = style == NumberStyle::plain && text_cells > 0 && (points || commas);
    const bool one_of_numbers = (text_cells == 0 && look.numbers > 0) || styled;
    if (styled) {
      look.style = commas && (!points || dialect.delimiter == ';') ? NumberStyle::comma : NumberStyle::point;
      look.numbers += text_cells;
    }
    if (one_of_numbers) {
      look.words.assign(words.begin(), words.end());
      look.texts = 0;
    } else if (text_cells > 0) {
      look.text_line = text_line;
      look.text = text;
    }
  }
};

}  // namespace

bool is_perhaps_number(std::string_view text) {
  constexpr std::string_view beginnings = "0123456789+-.,?#<nNiI";
  if (text.empty() || beginnings.find(text.front()) == std::string_view::npos) return false;
  double value = 0;
  return is_missing_word(text) || parse_styled_number(text, NumberStyle::point, value) ||
         parse_styled_number(text, NumberStyle::comma, value);
}

std::vector<ColumnLook> look_at_columns(std::string_view text, const CsvDialect& dialect,
                                        const std::vector<bool>& wanted, NumberStyle style) {
  const std::size_t columns = wanted.size();
  std::vector<ColumnLook> looks(columns);
  bool texts = false;
  for_each_cell(text, dialect, wanted, [&](std::int64_t line, std::size_t i, const CsvCell& cell) {
    ColumnLook& look = looks[i];
    look.style = style;
    if (dialect.is_missing_number(cell.text)) {
      look.quoted_words += !cell.text.empty() && !dialect.is_missing(cell);
      return;
    }
    const bool needs_quotes = cell.quoted && cell.text.find(dialect.delimiter) != std::string_view::npos;
    (!cell.quoted ? look.bare : needs_quotes ? look.needed : look.quoted) += 1;
    double value = 0;
    const bool plain = style == NumberStyle::plain && is_fast_number(cell.text, text, value);
    if (plain || parse_styled_number(cell.text, style, value)) {
      ++look.numbers;
      look.as_written = look.as_written || differs_as_label(cell.text, value);
      if (has_leading_zero(cell.text) && look.padded.empty()) look.padded = cell.text;
      return;
    }
    const bool word = !cell.quoted && is_missing_word(cell.text);
    look.bare_words += word;
    if (!word && (look.like != Likeness::none || look.like_text.empty())) look_like(look, cell.text);
    if (look.texts++ == 0) {
      look.text_line = line;
      look.text = cell.text;
      texts = true;
    }
  });
  // Quoted words are texts where there is no number.
  for (ColumnLook& look : looks) {
    if (look.numbers + look.texts == 0) look.texts = look.quoted_words;
  }
  if (!texts) return looks;
  // A column of nothing but texts needs no second look, unless they could be numbers of another style.
  std::vector<bool> mixed(columns);
  for (std::size_t i = 0; i < columns; ++i) {
    mixed[i] = looks[i].texts > 0 && (looks[i].numbers > 0 || is_perhaps_number(looks[i].text));
  }
  if (std::find(mixed.begin(), mixed.end(), true) == mixed.end()) return looks;
  std::vector<Mixture> mixtures(columns);
  for_each_cell(text, dialect, mixed, [&](std::int64_t line, std::size_t i, const CsvCell& cell) {
    if (!dialect.is_missing_number(cell.text)) mixtures[i].add(line, cell, style);
  });
  for (std::size_t i = 0; i < columns; ++i) {
    if (mixed[i]) mixtures[i].tell(looks[i], dialect, style);
  }
  return looks;
}

}  // namespace nn::format
