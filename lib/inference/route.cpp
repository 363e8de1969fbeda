#include "inference/route.hpp"

#include <array>
#include <charconv>
#include <optional>

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/text.hpp"

namespace nn::inference {
namespace {

using Kind = Route::Kind;

// Decodes a segment of a path, once.
void decode(std::string_view segment, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < segment.size(); ++i) {
    if (segment[i] != '%') {
      out += segment[i];
      continue;
    }
    const auto high = i + 2 < segment.size() ? find_hex_digit(segment[i + 1]) : std::nullopt;
    const auto low = high ? find_hex_digit(segment[i + 2]) : std::nullopt;
    if (!low) fail_data("'{}' has an escape that is none", printable(segment, 40));
    out += static_cast<char>(*high * 16 + *low);
    i += 2;
  }
  constexpr std::size_t longest = 255;
  const bool wrong = out == "." || out == ".." || out.find('/') != out.npos || out.find('\0') != out.npos;
  if (wrong || out.size() > longest || !is_utf8(out)) fail_data("'{}' cannot be a name", printable(out, 40));
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

// "9" as TensorFlow Serving's clients and Triton's have it; 0 is no version in particular.
std::uint64_t version_of(std::string_view text) {
  std::uint64_t version = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), version);
  if (read.ec != std::errc()) fail_data("Failed to convert version: {} to numeric.", printable(text, 24));
  return version;
}

// The segments of a path, which begins with '/'. More than fit are no path of ours.
struct Segments {
  std::array<std::string_view, 8> text;
  std::size_t count = 0;
  bool too_many = false;
};

Segments segments_of(std::string_view path) {
  Segments out;
  path.remove_prefix(path.empty() ? 0 : 1);
  while (true) {
    const std::size_t end = path.find('/');
    if (out.count == out.text.size()) {
      out.too_many = true;
      return out;
    }
    out.text[out.count++] = path.substr(0, end);
    if (end == path.npos) return out;
    path.remove_prefix(end + 1);
  }
}

std::optional<Kind> v1_verb(std::string_view word) {
  if (equal_ignoring_case(word, "predict")) return Kind::v1_predict;
  if (equal_ignoring_case(word, "classify")) return Kind::v1_classify;
  if (equal_ignoring_case(word, "regress")) return Kind::v1_regress;
  if (equal_ignoring_case(word, "explain")) return Kind::v1_explain;
  return std::nullopt;
}

// models/M[/versions/N|/labels/L][:verb|/metadata]
Kind v1_kind(const Segments& path, Route& route) {
  const auto& text = path.text;
  if (path.too_many || path.count < 2 || !equal_ignoring_case(text[1], "models")) return Kind::v1_malformed;
  if (path.count == 2) return Kind::v1_models;
  std::size_t last = path.count - 1;
  Kind kind = Kind::v1_status;
  std::string_view end = text[last];
  if (equal_ignoring_case(end, "metadata") && last > 2 && last % 2 == 1) {
    kind = Kind::v1_metadata;
    end = text[--last];
  } else if (const std::size_t colon = end.find(':'); colon != end.npos) {
    const auto verb = v1_verb(end.substr(colon + 1));
    if (!verb) return Kind::v1_malformed;
    kind = *verb;
    end = end.substr(0, colon);
  }
  const std::string_view model = last == 2 ? end : text[2];
  if (model.empty() || model.find(':') != model.npos) return Kind::v1_malformed;
  decode(model, route.model);
  if (last == 2) return kind;
  if (last != 4 || end.empty() || end.find(':') != end.npos) return Kind::v1_malformed;
  if (equal_ignoring_case(text[3], "versions") && is_number(end)) {
    route.version = version_of(end);
  } else if (equal_ignoring_case(text[3], "labels")) {
    decode(end, route.label);
  } else {
    return Kind::v1_malformed;
  }
  return kind;
}

// models/M[/versions/V][/word]
Kind v2_model_kind(const Segments& path, Route& route) {
  const auto& text = path.text;
  if (path.count == 3 && text[2] == "stats") return Kind::v2_all_stats;
  if (path.count < 3 || text[2].empty()) return Kind::v2_unknown;
  std::size_t next = 3;
  if (path.count > 4 && text[3] == "versions") {
    if (!is_number(text[4])) return Kind::v2_unknown;
    route.version = version_of(text[4]);
    next = 5;
  }
  decode(text[2], route.model);
  if (path.count == next) return Kind::v2_model;
  if (path.count > next + 1) return Kind::v2_unknown;
  const std::string_view word = text[next];
  if (word == "infer") return Kind::v2_infer;
  if (word == "ready") return Kind::v2_model_ready;
  if (word == "config") return Kind::v2_config;
  if (word == "stats") return Kind::v2_stats;
  return Kind::v2_unknown;
}

Kind v2_kind(const Segments& path, Route& route) {
  const auto& text = path.text;
  if (path.too_many) return Kind::v2_unknown;
  if (path.count == 1 || (path.count == 2 && text[1].empty())) return Kind::v2_server;
  if (text[1] == "models") return v2_model_kind(path, route);
  if (path.count == 3 && text[1] == "health") {
    if (text[2] == "live") return Kind::v2_live;
    if (text[2] == "ready") return Kind::v2_ready;
  }
  if (text[1] != "repository") return Kind::v2_unknown;
  if (path.count == 3 && text[2] == "index") return Kind::v2_index;
  if (path.count != 5 || text[2] != "models" || text[3].empty()) return Kind::v2_unknown;
  if (text[4] != "load" && text[4] != "unload") return Kind::v2_unknown;
  decode(text[3], route.model);
  return text[4] == "load" ? Kind::v2_load : Kind::v2_unload;
}

}  // namespace

bool Route::posts() const {
  switch (kind) {
    case Kind::v1_predict:
    case Kind::v1_classify:
    case Kind::v1_regress:
    case Kind::v1_explain:
    case Kind::v2_infer:
    case Kind::v2_index:
    case Kind::v2_load:
    case Kind::v2_unload: return true;
    default: return false;
  }
}

void parse_route(std::string_view path, Route& route) {
  route.model.clear();
  route.label.clear();
  route.version = 0;
  const Segments segments = segments_of(path);
  if (equal_ignoring_case(segments.text[0], "v1")) {
    route.kind = v1_kind(segments, route);
  } else if (segments.text[0] == "v2") {
    route.kind = v2_kind(segments, route);
  } else {
    route.kind = Kind::other;
  }
}

}  // namespace nn::inference
