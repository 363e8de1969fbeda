#include "inference/rest_error.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/json_text.hpp"
#include "base/text.hpp"

namespace nn::inference {
namespace {

void append_escaped(std::string& out, char c) {
  constexpr std::string_view digits = "0123456789abcdef";
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  const auto byte = static_cast<unsigned char>(c);
  out += "\\u00";
  out += digits[byte >> 4];
  out += digits[byte & 15];
}

template <typename Float>
void append_float(std::string& out, Float value, bool strict) {
  if (!std::isfinite(value)) [[unlikely]] {
    if (strict) {
      out += "null";
    } else {
      out += std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
    }
    return;
  }
  constexpr std::size_t longest = std::numeric_limits<Float>::max_digits10 + 16;
  std::array<char, longest + 2> text;
  char* end = std::to_chars(text.data(), text.data() + longest, value).ptr;
  bool whole = true;
  for (const char* at = text.data(); at != end; ++at) whole = whole && *at != '.' && *at != 'e';
  if (whole) {
    *end++ = '.';
    *end++ = '0';
  }
  out.append(text.data(), static_cast<std::size_t>(end - text.data()));
}

}  // namespace

void append_error(std::string& body, std::string_view message) {
  body += "{\"error\":";
  append_json_string(body, message);
  body += '}';
}

void append_error(std::string& body, const Error& error) { append_error(body, error.public_statement()); }

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::size_t plain = plain_in_json(text);
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    if (static_cast<unsigned char>(text[0]) < 0x80) {
      append_escaped(out, text[0]);
      text.remove_prefix(1);
    } else if (const std::size_t length = utf8_length(text)) {
      out += text.substr(0, length);
      text.remove_prefix(length);
    } else {
      out += "\xEF\xBF\xBD";
      text.remove_prefix(1);
    }
  }
  out += '"';
}

void append_json_float(std::string& out, float value, bool strict) { append_float(out, value, strict); }
void append_json_float(std::string& out, double value, bool strict) { append_float(out, value, strict); }

void append_json_integer(std::string& out, std::int64_t value) {
  std::array<char, 24> text;
  const char* end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  out.append(text.data(), static_cast<std::size_t>(end - text.data()));
}

}  // namespace nn::inference
