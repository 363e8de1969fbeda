// What a terminal can show, and how wide texts are on it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace nn {

// Whether the descriptor is a terminal that can move its cursor: TERM says so, and is neither empty nor
// "dumb".
bool moves_cursor(int fd);
// With NO_COLOR in the environment, and not empty, there are to be no colours (no-color.org).
bool wants_colours();
// Unless the environment names a locale without UTF-8: blocks can be shown.
bool shows_utf8();

struct TerminalSize {
  std::size_t columns, rows;
};
// As it is now: COLUMNS and LINES of the environment where they are numbers over 0, else what the terminal
// says, else 80 by 24.
TerminalSize terminal_size(int fd);

// The columns that a text takes: East Asian wide characters and emoji two, combining ones none (UAX 11). It
// has no control characters; a byte that isn't UTF-8 takes one.
std::size_t display_columns(std::string_view text);
// The text, cut where it would take more columns, with "…" as the last of them.
std::string cut_to_columns(std::string_view text, std::size_t columns);

// A line of parts, of which those that don't fit are left out: the first ones matter most.
class LineOfParts {
 public:
  enum Style : int { plain = 0, bold = 1, red = 31, green = 32 };  // SGR's numbers

  LineOfParts(std::size_t columns, bool colour) : columns_(columns), colour_(colour) {}
  // Two spaces behind the part before. False where it didn't fit.
  bool add(std::string_view text, Style style = plain);
  // Columns that the next part can take.
  std::size_t left() const;
  const std::string& text() const { return text_; }

 private:
  std::size_t columns_, used_ = 0;
  bool colour_;
  std::string text_;
};

}  // namespace nn
