#include "format/libsvm/text.hpp"

#include <fast_float/fast_float.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
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
  if (word.size() == 1 && is_digit(word[0])) return word[0] - '0';
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

namespace {

// Sixteen bytes at once; each of a comparison's is 0xFF or 0.
using Bytes = std::uint8_t __attribute__((vector_size(16)));
using Halves = std::uint64_t __attribute__((vector_size(16)));

Bytes load(const char* p) {
  Bytes bytes;
  std::memcpy(&bytes, p, sizeof bytes);
  return bytes;
}

Bytes where(auto comparison) {
  Bytes bytes;
  std::memcpy(&bytes, &comparison, sizeof bytes);
  return bytes;
}

Bytes digits(const char* p) { return where(load(p) - std::uint8_t{'0'} < std::uint8_t{10}); }

// Calls body(p) for each byte of the sixteen at `p` that is marked.
template <typename Body>
void for_each_marked(const Bytes& marks, const char* p, Body&& body) {
  Halves halves;
  std::memcpy(&halves, &marks, sizeof halves);
  if ((halves[0] | halves[1]) == 0) return;
  if constexpr (std::endian::native == std::endian::little) {
    for (const std::uint64_t half : {halves[0], halves[1]}) {
      constexpr unsigned byte_bits = 8;
      for (std::uint64_t left = half; left != 0;) {
        const auto shift = static_cast<unsigned>(std::countr_zero(left)) & ~(byte_bits - 1);
        body(p + shift / byte_bits);
        left &= ~(std::uint64_t{0xFF} << shift);
      }
      p += sizeof half;
    }
  } else {
    for (std::size_t i = 0; i < sizeof marks; ++i) {
      if (marks[i] != 0) body(p + i);
    }
  }
}

std::size_t count_digits(std::int64_t index) { return fmt::formatted_size("{}", index); }

}  // namespace

// Line by line, each index to its last digit.
void LibsvmSurvey::look_with_care(std::string_view text) {
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

void LibsvmSurvey::look_at_labels(std::string_view text) {
  while (!text.empty()) {
    const auto newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
    ++lines;
    if (!whole_labels) continue;
    while (!line.empty() && is_libsvm_blank(line.front())) line.remove_prefix(1);
    // Most are a digit or two.
    const std::size_t first = !line.empty() && (line[0] == '-' || line[0] == '+') ? 1 : 0;
    if (line.size() > first + 1 && is_digit(line[first]) &&
        (is_libsvm_blank(line[first + 1]) ||
         (line.size() > first + 2 && is_digit(line[first + 1]) && is_libsvm_blank(line[first + 2]))))
      continue;
    if (!line.empty()) whole_labels = whole_label(libsvm_word(line)).has_value();
  }
}

// Only an index that is 0, or has as many digits as the largest so far, says anything new.
void LibsvmSurvey::look_at_indices(std::string_view text) {
  const std::int64_t lines_before = lines;
  const char *const begin = text.data(), *const end = begin + text.size();
  std::size_t most_digits = count_digits(largest);
  const auto look = [&](const char* colon) {
    const std::int64_t index = index_before(begin, colon);
    if (index < 0) return;
    any = true;
    if (index > largest) {
      largest = index;
      most_digits = count_digits(index);
    }
    if (index == 0 && zero_line < 0) zero_line = lines_before + std::count(begin, colon, '\n') + 1;
  };
  constexpr std::ptrdiff_t step = sizeof(Bytes), most_compared = 8;
  const char* p = begin;
  for (; p != end && p - begin < step; ++p) {
    if (*p == ':') look(p);
  }
  for (; end - p >= step; p += step) {
    const Bytes colons = where(load(p) == std::uint8_t{':'});
    Bytes new_ones{};
    if (!only_zero) {
      new_ones = colons;
      const auto compared = std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(most_digits), most_compared);
      for (std::ptrdiff_t k = 1; k <= compared; ++k) new_ones &= digits(p - k);
    }
    if (zero_line < 0) new_ones |= colons & where(load(p - 1) == std::uint8_t{'0'}) & ~digits(p - 2);
    for_each_marked(new_ones, p, look);
  }
  for (; p != end; ++p) {
    if (*p == ':') look(p);
  }
}

void LibsvmSurvey::look_at(std::string_view text) {
  constexpr std::size_t piece_bytes = 64 << 10;  // that stay in the cache for the second look
  while (!text.empty()) {
    std::size_t end = text.size();
    if (end > piece_bytes) {
      const auto last = text.rfind('\n', piece_bytes);
      end = (last == std::string_view::npos ? std::min(text.find('\n', piece_bytes), end - 1) : last) + 1;
    }
    const std::string_view piece = text.substr(0, end);
    text.remove_prefix(end);
    if (piece.find('#') != std::string_view::npos) {
      look_with_care(piece);
    } else {
      look_at_indices(piece);
      look_at_labels(piece);
    }
  }
}

}  // namespace nn::format
