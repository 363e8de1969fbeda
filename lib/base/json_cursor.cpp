#include "base/json_cursor.hpp"

#include <array>
#include <charconv>
#include <limits>

namespace nn {
namespace {

// What ends the plain part of a string.
constexpr std::array<bool, 256> is_special = [] {
  std::array<bool, 256> table{};
  for (std::size_t c = 0; c < 0x20; ++c) table[c] = true;
  table['"'] = table['\\'] = true;
  return table;
}();

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void add_utf8(std::string& text, std::uint32_t c) {
  const auto add = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
  if (c < 0x80) {
    add(c);
  } else if (c < 0x800) {
    add(0xC0 | c >> 6);
    add(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    add(0xE0 | c >> 12);
    add(0x80 | (c >> 6 & 0x3F));
    add(0x80 | (c & 0x3F));
  } else {
    add(0xF0 | c >> 18);
    add(0x80 | (c >> 12 & 0x3F));
    add(0x80 | (c >> 6 & 0x3F));
    add(0x80 | (c & 0x3F));
  }
}

}  // namespace

bool JsonCursor::enter(char c) {
  if (!take(c)) {
    fail(c == '{' ? "not an object" : "not an array");
    return false;
  }
  if (nesting_left_ == 0) {
    fail("nested too deeply");
    return false;
  }
  --nesting_left_;
  return true;
}

bool JsonCursor::leave(char c) {
  if (!take(c)) return false;
  ++nesting_left_;
  return true;
}

std::string_view JsonCursor::string() {
  if (!take('"')) {
    fail("not a string");
    return {};
  }
  const char* begin = at_;
  while (at_ != end_ && !is_special[static_cast<unsigned char>(*at_)]) ++at_;
  if (at_ != end_ && *at_ == '"') return {begin, static_cast<std::size_t>(at_++ - begin)};
  return unescape(begin);
}

std::string_view JsonCursor::unescape(const char* begin) {
  std::string text(begin, at_);
  while (at_ != end_) {
    if (*at_ == '"') {
      ++at_;
      return unescaped_.emplace_back(std::move(text));
    }
    if (*at_ != '\\' || !escape(text)) break;
    const char* plain = at_;
    while (at_ != end_ && !is_special[static_cast<unsigned char>(*at_)]) ++at_;
    text.append(plain, at_);
  }
  fail("a string without an end");
  return {};
}

std::optional<std::uint32_t> JsonCursor::hex4() {
  if (end_ - at_ < 4) return std::nullopt;
  std::uint32_t value = 0;
  const auto read = std::from_chars(at_, at_ + 4, value, 16);
  if (read.ptr != at_ + 4) return std::nullopt;
  at_ += 4;
  return value;
}

bool JsonCursor::escape(std::string& text) {
  if (end_ - at_ < 2) return false;
  const char kind = at_[1];
  at_ += 2;
  switch (kind) {
    case '"':
    case '\\':
    case '/': text += kind; return true;
    case 'b': text += '\b'; return true;
    case 'f': text += '\f'; return true;
    case 'n': text += '\n'; return true;
    case 'r': text += '\r'; return true;
    case 't': text += '\t'; return true;
    case 'u': break;
    default: return false;
  }
  const auto unit = hex4();
  if (!unit) return false;
  std::uint32_t c = *unit;
  if (c >= 0xD800 && c < 0xDC00 && end_ - at_ >= 6 && at_[0] == '\\' && at_[1] == 'u') {
    const char* before = at_;
    at_ += 2;
    const auto low = hex4();
    if (!low) return false;
    if (*low >= 0xDC00 && *low < 0xE000) {
      c = 0x10000 + ((c - 0xD800) << 10) + (*low - 0xDC00);
    } else {
      at_ = before;
    }
  }
  // Half of a pair, which Python writes and UTF-8 can't have.
  add_utf8(text, c >= 0xD800 && c < 0xE000 ? 0xFFFD : c);
  return true;
}

bool JsonCursor::take_word(std::string_view word) {
  space();
  if (!rest().starts_with(word)) return false;
  at_ += word.size();
  return true;
}

// -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
std::string_view JsonCursor::digits() {
  space();
  const char* begin = at_;
  const auto run = [&] {
    const char* first = at_;
    while (at_ != end_ && is_digit(*at_)) ++at_;
    return at_ != first;
  };
  if (at_ != end_ && *at_ == '-') ++at_;
  const char* whole = at_;
  bool right = run() && (*whole != '0' || at_ - whole == 1);
  if (right && at_ != end_ && *at_ == '.') {
    ++at_;
    right = run();
  }
  if (right && at_ != end_ && (*at_ == 'e' || *at_ == 'E')) {
    ++at_;
    if (at_ != end_ && (*at_ == '+' || *at_ == '-')) ++at_;
    right = run();
  }
  if (right) return {begin, static_cast<std::size_t>(at_ - begin)};
  fail("not a number");
  return {};
}

double JsonCursor::number() {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const char first = peek();
  if (first == 'N' && take_word("NaN")) return std::numeric_limits<double>::quiet_NaN();
  if (first == 'I' && take_word("Infinity")) return infinity;
  if (first == '-' && take_word("-Infinity")) return -infinity;
  const std::string_view text = digits();
  if (text.empty()) return 0;
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec == std::errc::result_out_of_range) {
    // Too large or too small for a double; which of them, the exponent's sign says, as Python has it.
    const std::size_t e = text.find_first_of("eE");
    const bool tiny = e != std::string_view::npos ? text[e + 1] == '-' : text.find_first_of("123456789") > 1;
    value = tiny ? 0 : infinity;
    if (text[0] == '-') value = -value;
  }
  return value;
}

std::uint64_t JsonCursor::count() {
  const std::string_view text = digits();
  std::uint64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ok() && (read.ec != std::errc() || read.ptr != text.data() + text.size())) {
    fail("not a number from 0 up");
    return 0;
  }
  return value;
}

std::int64_t JsonCursor::integer() {
  const std::string_view text = digits();
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ok() && (read.ec != std::errc() || read.ptr != text.data() + text.size())) {
    fail("not a whole number");
    return 0;
  }
  return value;
}

bool JsonCursor::take_null() { return peek() == 'n' && take_word("null"); }

bool JsonCursor::boolean() {
  if (take_word("true")) return true;
  if (!take_word("false")) fail("neither true nor false");
  return false;
}

std::string_view JsonCursor::skip() {
  const char first = peek();
  const char* begin = at_;
  switch (first) {
    case '{': object([&](std::string_view) { skip(); }); break;
    case '[': array([&] { skip(); }); break;
    case '"': {
      const std::size_t had = unescaped_.size();
      string();
      if (unescaped_.size() > had) unescaped_.pop_back();
      break;
    }
    case 't':
    case 'f': boolean(); break;
    case 'n':
      if (!take_null()) fail("not a value");
      break;
    default: number();
  }
  if (!ok()) return {};
  return {begin, static_cast<std::size_t>(at_ - begin)};
}

}  // namespace nn
