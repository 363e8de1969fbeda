#include "base/terminal.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iterator>

#include "base/ascii.hpp"
#include "base/character_widths.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"

namespace nn {
namespace {

constexpr std::string_view gap = "  ";

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody changes the environment
  return value == nullptr ? std::string_view() : value;
}

std::size_t number_in_environment(const char* name) {
  const auto number = find_integer(environment(name));
  constexpr std::int64_t most = 10'000;
  return number && *number > 0 && *number <= most ? static_cast<std::size_t>(*number) : 0;
}

template <std::size_t N>
bool is_in(const CharacterRange (&ranges)[N], char32_t character) {
  const auto* const next =
      std::upper_bound(std::begin(ranges), std::end(ranges), character,
                       [](char32_t c, const CharacterRange& range) { return c < range.first; });
  return next != std::begin(ranges) && character <= (next - 1)->last;
}

// Of a sequence that utf8_length() has measured.
char32_t decoded(std::string_view sequence) {
  const auto first = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return first;
  char32_t character = first & (0x7Fu >> sequence.size());
  for (const char byte : sequence.substr(1))
    character = character << 6 | (static_cast<unsigned char>(byte) & 0x3F);
  return character;
}

std::string_view front_of(std::string_view text) {
  return text.substr(0, std::max<std::size_t>(utf8_length(text), 1));
}

std::size_t columns_of(std::string_view sequence) {
  if (sequence.size() < 2) return 1;
  const char32_t character = decoded(sequence);
  return is_in(characters_without_width, character) ? 0 : is_in(wide_characters, character) ? 2 : 1;
}

}  // namespace

bool moves_cursor(int fd) {
  const std::string_view type = environment("TERM");
  return !type.empty() && type != "dumb" && ::isatty(fd) != 0;
}

bool wants_colours() { return environment("NO_COLOR").empty(); }

bool shows_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string_view value = environment(name);
    if (value.empty()) continue;
    std::string lower;
    for (const char c : value) lower += to_lower(c);
    return lower.find("utf-8") != std::string::npos || lower.find("utf8") != std::string::npos;
  }
  return true;
}

TerminalSize terminal_size(int fd) {
  TerminalSize size{number_in_environment("COLUMNS"), number_in_environment("LINES")};
  winsize known{};
  if (::ioctl(fd, TIOCGWINSZ, &known) != 0) known = {};
  constexpr std::size_t usual_columns = 80, usual_rows = 24;
  if (size.columns == 0) size.columns = known.ws_col > 0 ? known.ws_col : usual_columns;
  if (size.rows == 0) size.rows = known.ws_row > 0 ? known.ws_row : usual_rows;
  return size;
}

std::size_t display_columns(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    const std::string_view character = front_of(text);
    columns += columns_of(character);
    text.remove_prefix(character.size());
  }
  return columns;
}

std::string cut_to_columns(std::string_view text, std::size_t columns) {
  if (display_columns(text) <= columns) return std::string(text);
  if (columns == 0) return {};
  std::string out;
  for (std::size_t used = 1; !text.empty();) {  // one is that of "…"
    const std::string_view character = front_of(text);
    used += columns_of(character);
    if (used > columns) break;
    out += character;
    text.remove_prefix(character.size());
  }
  return out + "…";
}

bool LineOfParts::add(std::string_view text, Style style) {
  const std::size_t before = used_ == 0 ? 0 : gap.size(), columns = display_columns(text);
  if (used_ + before + columns > columns_) return false;
  if (before > 0) text_ += gap;
  used_ += before + columns;
  text_ += colour_ && style != plain ? fmt::format("\x1b[{}m{}\x1b[0m", static_cast<int>(style), text)
                                     : std::string(text);
  return true;
}

std::size_t LineOfParts::left() const {
  return columns_ - std::min(columns_, used_ + (used_ == 0 ? 0 : gap.size()));
}

}  // namespace nn
