#include "format/csv/likeness.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "format/csv/styled_number.hpp"

namespace nn::format {
namespace {

constexpr std::string_view no_break_space = "\u00A0";
constexpr std::string_view signs[] = {"%", "‰", "$", "€", "£", "¥", "₹", "₽", "₩", "₺", "₫", "₪", "฿", "°"};
constexpr std::string_view currencies[] = {"US$", "A$",  "C$",  "R$",  "USD", "EUR", "GBP", "CHF",
                                           "JPY", "CNY", "INR", "AUD", "CAD", "SEK", "NOK", "DKK"};
constexpr std::size_t longest_unit = 4;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string_view without_blanks(std::string_view text) {
  for (;;) {
    const std::size_t before = text.size();
    if (text.starts_with(' ')) text.remove_prefix(1);
    if (text.ends_with(' ')) text.remove_suffix(1);
    if (text.starts_with(no_break_space)) text.remove_prefix(no_break_space.size());
    if (text.ends_with(no_break_space)) text.remove_suffix(no_break_space.size());
    if (text.size() == before) return text;
  }
}

// Digits with points and commas, of either style; no word such as inf.
bool is_plain_number(std::string_view text) {
  text = without_blanks(text);
  if (std::none_of(text.begin(), text.end(), is_digit) || std::any_of(text.begin(), text.end(), is_letter))
    return false;
  double value = 0;
  return parse_styled_number(text, NumberStyle::point, value) ||
         parse_styled_number(text, NumberStyle::comma, value);
}

// What is left of a text that begins or ends with one of `marks`.
template <std::size_t N>
std::optional<std::string_view> without_mark(std::string_view text, const std::string_view (&marks)[N]) {
  for (const std::string_view mark : marks) {
    if (text.starts_with(mark)) return text.substr(mark.size());
    if (text.ends_with(mark)) return text.substr(0, text.size() - mark.size());
  }
  return std::nullopt;
}

TextLooks quantity(std::string_view text) {
  if (text.starts_with('(') && text.ends_with(')')) text = text.substr(1, text.size() - 2);  // below zero
  const bool has_sign = text.starts_with('-') || text.starts_with('+');
  const std::string_view unsigned_text = text.substr(has_sign ? 1 : 0);
  for (const auto& rest : {without_mark(unsigned_text, currencies), without_mark(unsigned_text, signs)}) {
    if (rest && is_plain_number(*rest)) return {Likeness::quantity, {}};
  }
  std::size_t letters = 0;
  while (letters < unsigned_text.size() && is_letter(unsigned_text[unsigned_text.size() - 1 - letters]))
    ++letters;
  if (letters == 0 || letters > longest_unit) return {};
  const std::string_view unit = unsigned_text.substr(unsigned_text.size() - letters);
  if (!is_plain_number(unsigned_text.substr(0, unsigned_text.size() - letters))) return {};
  return {Likeness::quantity, unit};
}

// Takes a number of so many digits from the front; -1: there is none.
int take_number(std::string_view& text, std::size_t least, std::size_t most) {
  int value = 0;
  std::size_t digits = 0;
  while (digits < text.size() && digits <= most && is_digit(text[digits]))
    value = value * 10 + (text[digits++] - '0');
  if (digits < least || digits > most) return -1;
  text.remove_prefix(digits);
  return value;
}

char take_one_of(std::string_view& text, std::string_view some) {
  if (text.empty() || some.find(text[0]) == std::string_view::npos) return '\0';
  const char taken = text[0];
  text.remove_prefix(1);
  return taken;
}

// 12:30, 12:30:01.5; what follows, a zone or AM, may be anything short.
bool is_time(std::string_view text) {
  constexpr std::size_t longest_zone = 7;
  const int hours = take_number(text, 1, 2);
  if (hours < 0 || hours > 24 || take_one_of(text, ":") == 0) return false;
  const int minutes = take_number(text, 2, 2);
  if (minutes < 0 || minutes > 59) return false;
  if (take_one_of(text, ":") != 0) {
    if (take_number(text, 2, 2) < 0) return false;
    if (take_one_of(text, ".,") != 0 && take_number(text, 1, 9) < 0) return false;
  }
  return text.size() <= longest_zone;
}

// 2024-01-31, 31.1.2024, 1/31/24; with a time behind, or not.
bool is_date(std::string_view text) {
  constexpr int most_days = 31;
  const std::string_view whole = text;
  std::array<int, 3> parts{};
  parts[0] = take_number(text, 1, 4);
  const std::size_t first_digits = whole.size() - text.size();
  const char between = take_one_of(text, "-/.");
  parts[1] = take_number(text, 1, 2);
  if (parts[0] < 0 || parts[1] < 1 || between == 0 || take_one_of(text, {&between, 1}) == 0) return false;
  const std::size_t before = text.size();
  parts[2] = take_number(text, 1, 4);
  const std::size_t last_digits = before - text.size();
  const bool year_first = first_digits == 4 && last_digits <= 2;
  const bool year_last = first_digits <= 2 && (last_digits == 4 || (last_digits == 2 && between == '/'));
  if (!year_first && !year_last) return false;
  const int day = year_first ? parts[2] : parts[0];
  if (day < 1 || day > most_days || parts[1] > most_days || std::min(day, parts[1]) > 12) return false;
  return text.empty() || (take_one_of(text, "T ") != 0 && is_time(without_blanks(text)));
}

}  // namespace

TextLooks looks_of(std::string_view text) {
  if (text.empty()) return {};
  const char last = text.back();
  if (is_digit(text[0]) && (is_date(text) || is_time(text))) return {Likeness::date, {}};
  // Neither end is a digit: no number with one mark.
  const bool may_be = is_digit(text[0]) || is_digit(last) || text[0] == '(' || text[0] == '-' ||
                      text[0] == '+' || text[0] == '.';
  return may_be ? quantity(text) : TextLooks{};
}

bool has_leading_zero(std::string_view number) {
  if (number.starts_with('-') || number.starts_with('+')) number.remove_prefix(1);
  return number.size() > 1 && number[0] == '0' && is_digit(number[1]);
}

}  // namespace nn::format
