#include "inference/json.hpp"

#include <fast_float/fast_float.h>
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.hpp"
#include "base/json_cursor.hpp"
#include "base/text.hpp"

namespace nn::inference {
namespace {

// Memory of a parser beyond this is not kept for the next request.
constexpr std::size_t kept_bytes = 4u << 20;
constexpr std::size_t shown_bytes = 40;
constexpr std::string_view space = " \t\r\n";

constexpr double infinity = std::numeric_limits<double>::infinity();

std::optional<double> spelled_number(std::string_view token) {
  if (token == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (token == "Infinity" || token == "Inf") return infinity;
  if (token == "-Infinity" || token == "-Inf") return -infinity;
  return std::nullopt;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool begins_number(char first) { return first == '-' || is_digit(first); }

// The end of a number of few digits and no exponent, which begins with a digit; null where it is another one.
// Its digits and the power of ten are exact, and so the quotient is the nearest there is (Clinger 1990).
const char* read_short(const char* const begin, const char* const end, double& out) {
  constexpr std::array<double, 17> powers{1,   1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7, 1e8,
                                          1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16};
  constexpr std::uint64_t exact = std::uint64_t{1} << std::numeric_limits<double>::digits;
  const char* const last = begin + std::min<std::ptrdiff_t>(end - begin, powers.size() - 1);
  const char* at = begin;
  const char* point = nullptr;
  std::uint64_t digits = 0;
  for (; at != last; ++at) {
    if (is_digit(*at)) {
      digits = 10 * digits + static_cast<std::uint64_t>(*at - '0');
    } else if (*at == '.' && point == nullptr) {
      point = at;
    } else {
      break;
    }
  }
  const bool goes_on = at != end && (is_digit(*at) || *at == '.' || *at == 'e' || *at == 'E');
  const bool zero_first = *begin == '0' && begin + 1 != at && is_digit(begin[1]);
  if (goes_on || zero_first || digits > exact || point == at - 1) return nullptr;
  out = static_cast<double>(digits);
  if (point != nullptr) out /= powers[static_cast<std::size_t>(at - point - 1)];
  return at;
}

// The end of any number of JSON; null where it is none, or none that a double can be near.
const char* read_any(const char* begin, const char* end, double& out) {
  const auto read = fast_float::from_chars(begin, end, out);
  if (read.ec != std::errc() || !std::isfinite(out)) return nullptr;
  // It also takes "01" and "5.", which JSON hasn't.
  if (*begin == '0' && begin + 1 != read.ptr && is_digit(begin[1])) return nullptr;
  const auto* point =
      static_cast<const char*>(std::memchr(begin, '.', static_cast<std::size_t>(read.ptr - begin)));
  if (point != nullptr && (point + 1 == read.ptr || !is_digit(point[1]))) return nullptr;
  return read.ptr;
}

std::string_view what_is_wrong(simdjson::error_code error) {
  switch (error) {
    case simdjson::UTF8_ERROR: return "it is not UTF-8";
    case simdjson::UNCLOSED_STRING: return "a string has no end";
    case simdjson::UNESCAPED_CHARS: return "a control character stands in a string";
    case simdjson::STRING_ERROR: return "an escape is wrong";
    case simdjson::NUMBER_ERROR: return "a number is wrong, or too large";
    case simdjson::INCOMPLETE_ARRAY_OR_OBJECT: return "its lists and objects do not end where it does";
    case simdjson::CAPACITY: return "it is too large";
    default: return "unexpected text";
  }
}

}  // namespace

std::string to_string(const Place& place) {
  std::string out(place.root);
  if (place.index >= 0) out += fmt::format("[{}]", place.index);
  if (!place.key.empty()) out += "." + printable(place.key, shown_bytes);
  if (place.element >= 0) out += fmt::format("[{}]", place.element);
  return out;
}

void once(bool& seen, std::string_view key, const Place& place) {
  if (std::exchange(seen, true)) throw data_error("'{}' is there twice", key).within(to_string(place));
}

json::object JsonBody::open(std::string_view text) {
  text_ = text;
  escaped_keys_.clear();
  opened_ = false;
  if (text.find_first_not_of(space) == text.npos) fail_data("the body is empty, but JSON is expected");
  const simdjson::padded_string_view padded(text.data(), text.size(),
                                            text.size() + simdjson::SIMDJSON_PADDING);
  if (const auto error = parser_.iterate(padded).get(document_)) fail(error);
  opened_ = true;
  json::json_type type{};
  if (document_.type().get(type) || type != json::json_type::object) {
    const bool value = !document_.type().error();
    if (!value) fail(simdjson::TAPE_ERROR);
    fail_data("the body is no JSON object");
  }
  return need(document_.get_object());
}

// simdjson has more than five times as much as the text is long.
JsonBody::Open::~Open() {
  if (json_.parser_.capacity() > kept_bytes) json_.parser_ = json::parser();
}

void JsonBody::close() {
  const char* rest = nullptr;
  if (document_.current_location().get(rest) == simdjson::SUCCESS) fail(simdjson::TRAILING_CONTENT);
}

std::size_t JsonBody::offset() {
  const char* at = nullptr;
  if (!opened_) return 0;
  if (document_.current_location().get(at) || at < text_.data()) return text_.size();
  return std::min(static_cast<std::size_t>(at - text_.data()), text_.size());
}

void JsonBody::fail(simdjson::error_code error) {
  switch (error) {
    case simdjson::MEMALLOC: throw make_error(ErrorKind::unavailable, "not enough memory for the request");
    case simdjson::UTF8_ERROR:
    case simdjson::UNCLOSED_STRING:
    case simdjson::UNESCAPED_CHARS:
    case simdjson::INCOMPLETE_ARRAY_OR_OBJECT:
    case simdjson::CAPACITY:
      fail_data("the body is not JSON: {}", what_is_wrong(error));  // no place is known
    default: fail_data("the body is not JSON: {} at offset {}", what_is_wrong(error), offset());
  }
}

bool JsonBody::read_number(json::value& value, double& out) {
  const std::string_view token = value.raw_json_token();
  const char* const end = token.data() + token.size();
  const bool negative = token.front() == '-';
  const char* const digits = token.data() + (negative ? 1 : 0);
  // Not ".5" nor "inf".
  if (digits == end || !is_digit(*digits)) return false;
  const char* rest = read_short(digits, end, out);
  if (rest == nullptr) rest = read_any(digits, end, out);
  if (rest == nullptr) return false;
  if (negative) out = -out;
  while (rest != end && space.find(*rest) != space.npos) ++rest;
  return rest == end;
}

std::string_view JsonBody::token(json::value& value) {
  const std::string_view token = value.raw_json_token();
  return token.substr(0, token.find_last_not_of(space) + 1);
}

std::string_view JsonBody::key(json::field& field) {
  const char* begin = field.key().raw();
  const char* end = begin;
  while (*end != '"' && *end != '\\') ++end;  // simdjson has seen that there is an end
  if (*end == '"') return {begin, static_cast<std::size_t>(end - begin)};
  JsonCursor cursor({begin - 1, static_cast<std::size_t>(text_.data() + text_.size() - begin + 1)},
                    escaped_keys_, most_nested);
  const std::string_view key = cursor.string();
  if (!cursor.ok()) fail(simdjson::STRING_ERROR);
  return key;
}

JsonBody::Peeked JsonBody::peek(json::value& object) {
  std::string_view rest = text_.substr(static_cast<std::size_t>(token(object).data() + 1 - text_.data()));
  const auto skip = [&](char expected) {
    const std::size_t at = rest.find_first_not_of(space);
    const bool found = at != rest.npos && rest[at] == expected;
    rest.remove_prefix(found ? at + 1 : rest.size());
  };
  skip('"');
  const std::size_t end = rest.find_first_of("\"\\");
  if (end == rest.npos || rest[end] == '\\') return {};
  const std::string_view key = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  skip(':');
  const std::size_t at = rest.find_first_not_of(space);
  if (at == rest.npos) return {};
  return {key, rest[at]};
}

bool JsonBody::begins_list_of_lists(json::value& value) {
  if (first(value) != '[') return false;
  const std::size_t at =
      text_.find_first_not_of(space, static_cast<std::size_t>(token(value).data() + 1 - text_.data()));
  return at != text_.npos && text_[at] == '[';
}

std::string_view JsonBody::text(json::value& value, const Place& place) {
  if (first(value) != '"') fail_type(value, "a string", place);
  return need(value.get_string());
}

bool JsonBody::boolean(json::value& value, const Place& place) {
  bool out = false;
  if (value.get_bool().get(out)) fail_type(value, "true or false", place);
  return out;
}

std::uint64_t JsonBody::count(json::value& value, const Place& place) {
  std::uint64_t out = 0;
  if (value.get_uint64().get(out)) fail_type(value, "a whole number from 0 on", place);
  return out;
}

json::array JsonBody::list(json::value& value, const Place& place) {
  if (first(value) != '[') fail_type(value, "a list", place);
  return need(value.get_array());
}

json::object JsonBody::object(json::value& value, const Place& place) {
  if (first(value) != '{') fail_type(value, "an object", place);
  return need(value.get_object());
}

double JsonBody::number(json::value& value, NumberRule rule, const Place& place) {
  double out = 0;
  if (read_number(value, out)) return out;
  const std::string_view word = token(value);
  if (const auto spelled = spelled_number(word)) return *spelled;
  if (rule.null && word == "null") return std::numeric_limits<double>::quiet_NaN();
  if (rule.boolean && (word == "true" || word == "false")) return word == "true" ? 1 : 0;
  fail_type(value, "a number", place);
}

void JsonBody::fail_type(json::value& value, std::string_view expected, const Place& place) {
  const std::string_view word = token(value);
  std::string got;
  switch (word.front()) {
    case '[': got = "a list"; break;
    case '{': got = "an object"; break;
    case ']':
    case '}':
    case ',':
    case ':':
      fail_data("the body is not JSON: {} at offset {}", what_is_wrong(simdjson::TAPE_ERROR),
                word.data() - text_.data());
    default: got = printable(word, shown_bytes);
  }
  throw data_error("expected {}, got {}", expected, got).within(to_string(place));
}

void JsonBody::check(json::value& value, int depth) {
  if (depth > most_nested)
    fail_data("lists and objects are nested in each other more than {} deep", most_nested);
  switch (first(value)) {
    case '[': {
      json::array list = need(value.get_array());
      for (auto result : list) {
        json::value element = need<json::value>(std::move(result));
        check(element, depth + 1);
      }
      break;
    }
    case '{': {
      json::object object = need(value.get_object());
      each(object, [&](std::string_view, json::value element) { check(element, depth + 1); });
      break;
    }
    case '"': need(value.get_string()); break;
    case 't':
    case 'f': need(value.get_bool()); break;
    case 'n':
      if (!need(value.is_null())) fail(simdjson::N_ATOM_ERROR);
      break;
    default: {
      double number = 0;
      if (!read_number(value, number) && !spelled_number(token(value))) {
        fail(begins_number(first(value)) ? simdjson::NUMBER_ERROR : simdjson::TAPE_ERROR);
      }
    }
  }
}

namespace {

constexpr std::array<std::int8_t, 256> base64_values() {
  std::array<std::int8_t, 256> values{};
  for (auto& value : values) value = -1;
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < letters.size(); ++i) {
    values[static_cast<unsigned char>(letters[i])] = static_cast<std::int8_t>(i);
  }
  return values;
}

// Decodes the text into `out`; false where it isn't base64 (RFC 4648). Its '=' may be left out.
bool decode_base64(std::string_view text, std::string& out) {
  static constexpr auto values = base64_values();
  out.clear();
  std::size_t padding = 0;
  while (padding < 2 && !text.empty() && text.back() == '=') {
    text.remove_suffix(1);
    ++padding;
  }
  if (text.size() % 4 == 1 || (padding > 0 && (text.size() + padding) % 4 != 0)) return false;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int value = values[static_cast<unsigned char>(c)];
    if (value < 0) return false;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>(bits >> count & 0xFF);
  }
  return (bits & ((1u << count) - 1)) == 0;
}

}  // namespace

std::optional<std::string_view> Base64::bytes(JsonBody& json, json::object& object) {
  std::size_t fields = 0;
  bool decodes = false;
  for (auto result : object) {
    json::field field = json.need<json::field>(std::move(result));
    json::value value = field.value();
    if (++fields > 1 || json.key(field) != "b64" || json.first(value) != '"') break;
    decodes = decode_base64(json.need(value.get_string()), memory_);
  }
  if (fields == 1 && decodes) return std::string_view(memory_);
  return std::nullopt;
}

}  // namespace nn::inference
