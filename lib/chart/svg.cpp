#include "chart/svg.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "base/text.hpp"

namespace nn::chart {
namespace {

// Characters that are well-formed UTF-8 and yet nothing for XML, or that turn the direction of all that
// follows.
bool is_unwanted(std::string_view character) {
  return character == "\xEF\xBF\xBE" || character == "\xEF\xBF\xBF" ||                  // U+FFFE, U+FFFF
         (character.size() == 2 && character[0] == '\xC2' && character[1] < '\xA0') ||  // C1
         (character >= "\xE2\x80\xA8" && character <= "\xE2\x80\xAE") ||                // U+2028 … U+202E
         (character >= "\xE2\x81\xA6" && character <= "\xE2\x81\xA9");                  // U+2066 … U+2069
}

double width_of(std::string_view character) {
  if (character.size() > 2)
    return character >= "\xE1\x84\x80" && character < "\xE2\x80\x80" ? 1
           : character.size() > 3 || character >= "\xE2\xBA\x80"     ? 1.05
                                                                     : 0.7;
  const char c = character[0];
  if (c == 'm' || c == 'w' || c == 'M' || c == 'W' || c == '@' || c == '%') return 0.9;
  if (c >= 'A' && c <= 'Z') return 0.7;
  if (c == 'i' || c == 'j' || c == 'l' || c == '.' || c == ',' || c == ':' || c == ' ' || c == '|' ||
      c == '\'')
    return 0.32;
  return 0.58;
}

const char* name_of(Anchor anchor) { return anchor == Anchor::middle ? "middle" : "end"; }

}  // namespace

std::string escaped(std::string_view text, std::size_t limit) {
  const std::string safe = printable(text, limit);
  std::string out;
  for (std::string_view rest = safe; !rest.empty();) {
    const std::size_t length = std::max<std::size_t>(utf8_length(rest), 1);
    const std::string_view character = rest.substr(0, length);
    rest.remove_prefix(length);
    if (character == "&") {
      out += "&amp;";
    } else if (character == "<") {
      out += "&lt;";
    } else if (character == ">") {
      out += "&gt;";
    } else if (character == "\"") {
      out += "&quot;";
    } else if (character == "'") {
      out += "&#39;";
    } else if (is_unwanted(character)) {
      out += "\xEF\xBF\xBD";
    } else {
      out += character;
    }
  }
  return out;
}

double text_width(std::string_view text, double size) {
  double width = 0;
  while (!text.empty()) {
    const std::size_t length = std::max<std::size_t>(utf8_length(text), 1);
    width += width_of(text.substr(0, length));
    text.remove_prefix(length);
  }
  return width * size;
}

std::string fitted(std::string_view text, double width, double size) {
  std::string safe = printable(text, 400);
  if (text_width(safe, size) <= width) return safe;
  double used = 0.9;  // of the dots
  std::string out;
  for (std::string_view rest = safe; !rest.empty();) {
    const std::size_t length = std::max<std::size_t>(utf8_length(rest), 1);
    used += width_of(rest.substr(0, length));
    if (used * size > width) break;
    out += rest.substr(0, length);
    rest.remove_prefix(length);
  }
  return out + "…";
}

std::string Svg::number(double value) {
  char digits[40];
  double rounded = std::round(std::isfinite(value) ? std::min(std::max(value, -1e6), 1e6) * 10 : 0) / 10;
  if (rounded == 0) rounded = 0;  // no -0
  const auto end = std::to_chars(std::begin(digits), std::end(digits), rounded, std::chars_format::fixed);
  return {digits, end.ptr};
}

void Svg::line(std::string_view classes, double x1, double y1, double x2, double y2) {
  out_ += fmt::format("<path class=\"{}\" d=\"M{} {}L{} {}\"/>", classes, number(x1), number(y1), number(x2),
                      number(y2));
}

void Svg::rect(std::string_view classes, double x, double y, double width, double height,
               std::string_view more) {
  out_ += fmt::format("<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"{}{}/>", classes,
                      number(x), number(y), number(std::max(width, 0.0)), number(std::max(height, 0.0)),
                      more.empty() ? "" : " ", more);
}

void Svg::circle(std::string_view classes, double x, double y, double radius) {
  out_ += fmt::format("<circle class=\"{}\" cx=\"{}\" cy=\"{}\" r=\"{}\"/>", classes, number(x), number(y),
                      number(radius));
}

void Svg::path(std::string_view classes, std::string_view d, std::string_view more) {
  out_ += fmt::format("<path class=\"{}\" d=\"{}\"{}{}/>", classes, d, more.empty() ? "" : " ", more);
}

void Svg::text(std::string_view classes, double x, double y, std::string_view text, Anchor anchor,
               double width) {
  const std::string shown = fitted(text, width, font_size);
  out_ += fmt::format("<text class=\"{}\" x=\"{}\" y=\"{}\"", classes, number(x), number(y));
  if (anchor != Anchor::start) out_ += fmt::format(" text-anchor=\"{}\"", name_of(anchor));
  out_ += '>';
  if (shown != text) out_ += fmt::format("<title>{}</title>", escaped(text));
  out_ += escaped(shown, shown.size() + 1) + "</text>";
}

void Svg::open_group(std::string_view classes, std::string_view more) {
  out_ += fmt::format("<g class=\"{}\"{}{}>", classes, more.empty() ? "" : " ", more);
}

void Svg::close_group() { out_ += "</g>"; }

void Path::add(char letter, double x, double y) {
  d_ += letter;
  d_ += Svg::number(x);
  d_ += ' ';
  d_ += Svg::number(y);
}

void Path::dash(double x, double y, double width) {
  move(x, y);
  d_ += 'h';
  d_ += Svg::number(width);
}

}  // namespace nn::chart
