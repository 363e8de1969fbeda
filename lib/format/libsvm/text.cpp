#include "format/libsvm/text.hpp"

#include <fast_float/fast_float.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>

namespace nn::format {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool holds_only(std::string_view text, std::string_view characters) {
  return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

// "17:…", "17:" in front of its value, "qid:3".
bool is_pair(std::string_view word) {
  const auto colon = word.find(':');
  if (colon == std::string_view::npos || word.find_first_of(",;\"") != std::string_view::npos) return false;
  const std::string_view index = word.substr(0, colon);
  return index == "qid" || holds_only(index, "0123456789");
}

// "label index:value …": at least one pair, and nothing else behind the label. Nothing where there is no more
// than a label.
std::optional<bool> is_row(std::string_view line) {
  std::size_t words = 0;
  bool value_follows = false;
  while (!line.empty()) {
    const std::string_view word = libsvm_word(line);
    line.remove_prefix(word.size());
    while (!line.empty() && is_libsvm_blank(line.front())) line.remove_prefix(1);
    if (words++ == 0) {  // several labels stand between commas
      if (!holds_only(word, "+-.0123456789eE,")) return false;
    } else if (std::exchange(value_follows, false)) {
      if (!holds_only(word, "+-.0123456789eE")) return false;
    } else {
      if (!is_pair(word)) return false;
      value_follows = word.back() == ':';
    }
  }
  if (words > 1) return true;
  return std::nullopt;
}

// The index that ends in front of `colon`, or -1.
std::int64_t index_before(const char* begin, const char* colon) {
  constexpr std::int64_t too_large = std::int64_t{1} << 40;
  std::int64_t index = 0, power = 1;
  const char* p = colon;
  while (p != begin && is_digit(p[-1])) {
    --p;
    if (power < too_large) {
      index += (*p - '0') * power;
      power *= 10;
    } else if (*p != '0') {
      index = too_large;
    }
  }
  return p == colon || (p != begin && !is_libsvm_blank(p[-1])) ? -1 : index;
}

}  // namespace

std::string_view libsvm_line(std::string_view line) {
  line = line.substr(0, line.find('#'));
  while (!line.empty() && is_libsvm_blank(line.back())) line.remove_suffix(1);
  while (!line.empty() && is_libsvm_blank(line.front())) line.remove_prefix(1);
  return line;
}

std::string_view libsvm_word(std::string_view text) { return text.substr(0, text.find_first_of(" \t\r")); }

std::optional<bool> looks_like_libsvm(std::string_view text, bool complete) {
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  while (!text.empty()) {
    const auto newline = text.find('\n');
    if (newline == std::string_view::npos && !complete) break;
    if (const auto row = is_row(libsvm_line(text.substr(0, newline)))) return row;
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
  }
  return std::nullopt;
}

std::optional<std::int64_t> whole_label(std::string_view word) {
  if (word.size() > 1 && word[0] == '+' && word[1] != '-') word.remove_prefix(1);
  const char* const end = word.data() + word.size();
  std::int64_t whole = 0;
  const auto integer = std::from_chars(word.data(), end, whole);
  if (integer.ptr == end) {
    if (integer.ec != std::errc()) return std::nullopt;
    return whole;
  }
  double value = 0;
  const auto number = fast_float::from_chars(word.data(), end, value);
  constexpr double most = 0x1p53;
  if (number.ec != std::errc() || number.ptr != end) return std::nullopt;
  if (std::trunc(value) != value || std::fabs(value) > most) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

void LibsvmSurvey::look_at(std::string_view text) {
  while (!text.empty()) {
    const auto newline = text.find('\n');
    const std::string_view line = libsvm_line(text.substr(0, newline));
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
    ++lines;
    if (line.empty()) continue;
    whole_labels = whole_labels && whole_label(libsvm_word(line)).has_value();
    const char *p = line.data(), *const end = p + line.size();
    for (; (p = static_cast<const char*>(std::memchr(p, ':', static_cast<std::size_t>(end - p)))) != nullptr;
         ++p) {
      const std::int64_t index = index_before(line.data(), p);
      if (index < 0) continue;
      any = true;
      largest = std::max(largest, index);
      if (index == 0 && zero_line < 0) zero_line = lines;
    }
  }
}

}  // namespace nn::format
