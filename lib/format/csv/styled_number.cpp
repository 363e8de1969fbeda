#include "format/csv/styled_number.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "format/csv/text.hpp"

namespace nn::format {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t count_digits(std::string_view text) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
}

// What divides groups at the front of `text`, where something does.
std::string_view separator_at(std::string_view text, char decimal) {
  for (const std::string_view separator : {",", ".", "'", " ", "\u00A0", "\u202F"}) {
    if (separator[0] != decimal && text.starts_with(separator)) return separator;
  }
  return {};
}

}  // namespace

bool parse_styled_number(std::string_view cell, NumberStyle style, double& value) {
  if (style == NumberStyle::plain) return parse_csv_number(cell, value);
  const char decimal = style == NumberStyle::comma ? ',' : '.';
  std::string plain;
  if (!cell.empty() && (cell[0] == '-' || cell[0] == '+')) {
    if (cell[0] == '-') plain = "-";
    cell.remove_prefix(1);
  }
  std::size_t digits = count_digits(cell);
  const std::string_view separator = separator_at(cell.substr(digits), decimal);
  if (separator.empty()) {
    plain += cell.substr(0, digits);
    cell.remove_prefix(digits);
  } else {
    if (digits < 1 || digits > 3 || cell[0] == '0') return false;
    plain += cell.substr(0, digits);
    cell.remove_prefix(digits);
    while (cell.starts_with(separator)) {
      cell.remove_prefix(separator.size());
      if (count_digits(cell) != 3) return false;
      plain += cell.substr(0, 3);
      cell.remove_prefix(3);
    }
  }
  if (cell.starts_with(decimal)) {
    plain += '.';
    cell.remove_prefix(1);
    digits = count_digits(cell);
    plain += cell.substr(0, digits);
    cell.remove_prefix(digits);
  }
  // An exponent, "inf", or what makes it no number at all; a point is none of these.
  if (cell.find('.') != std::string_view::npos) return false;
  plain += cell;
  return parse_csv_number(plain, value);
}

bool is_rounded(std::string_view cell, double value) {
  if (std::fabs(value) < 0x1p53) return false;
  if (cell.starts_with('+') || cell.starts_with('-')) cell.remove_prefix(1);
  cell.remove_prefix(std::min(cell.find_first_not_of('0'), cell.size()));
  if (count_digits(cell) != cell.size()) return false;
  return fmt::format("{:.0f}", std::fabs(value)) != cell;
}

bool differs_as_label(std::string_view cell, double value) {
  if (std::trunc(value) != value || is_rounded(cell, value)) return true;
  if (cell.starts_with('-')) cell.remove_prefix(1);
  return cell.size() > 1 && cell[0] == '0' && is_digit(cell[1]);
}

}  // namespace nn::format
