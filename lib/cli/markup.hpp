// The light markup of options' texts, for --help and the manual:
//
//   `word`       to be typed as it is           'some words'   the same, in quotes
//   *value*      to be put in                   --name, -n     an option
//   name(1)      a page of the manual
//   - `a` :: b   at a line's start: an item of a list, its text behind the colons
//
// A blank line begins a paragraph; other line ends are spaces. A paragraph whose lines begin with four
// spaces is shown as it is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nn::cli {

struct Piece {
  enum class Kind : std::uint8_t { plain, literal, quoted, value, option, page } kind = Kind::plain;
  std::string text;
};
// Pieces without spaces between them.
using Word = std::vector<Piece>;
using Words = std::vector<Word>;

struct Block {
  Words item;  // what an item of a list is about; empty: a paragraph
  Words words;
  std::vector<std::string> lines;  // to be shown as they are; then there is nothing else
};

std::vector<Block> parse_markup(std::string_view text);

// Without any markup: values in capitals.
std::string plain_text(const Word& word);

// Lines of at most `width` columns where words allow it, indented by `indent`. No line end at the end.
std::string wrapped(const Words& words, std::size_t indent, std::size_t width);
// Columns of a terminal: characters, of which all texts here have one column each.
std::size_t columns_of(std::string_view text);

}  // namespace nn::cli
