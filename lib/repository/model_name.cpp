#include "repository/model_name.hpp"

#include <charconv>

#include "base/error.hpp"
#include "base/text.hpp"
#include "repository/labels.hpp"

namespace nn::repository {

std::optional<std::uint64_t> parse_version_number(std::string_view name) {
  std::uint64_t version = 0;
  const auto result = std::from_chars(name.data(), name.data() + name.size(), version);
  if (result.ec != std::errc() || result.ptr != name.data() + name.size()) return std::nullopt;
  if (version == 0 || name[0] == '0') return std::nullopt;
  return version;
}

std::uint64_t parse_version(std::string_view text) {
  const auto version = parse_version_number(text);
  if (!version) fail_usage("'{}' is not a version; they are whole numbers from 1", printable(text));
  return *version;
}

void check_printable_name(std::string_view name) {
  if (printable(name, name.size() + 1) != name) {
    fail_usage("the model's name '{}' is not plain UTF-8 text; write NAME=PATH", printable(name));
  }
}

std::string why_no_model_folder(std::string_view name) {
  if (name.starts_with('.')) return "its name begins with '.'";
  if (name.find(':') != std::string_view::npos) return "its name holds ':', which begins a label";
  if (printable(name, name.size() + 1) != name) return "its name is not plain UTF-8 text";
  return {};
}

ModelName parse_model_name(std::string_view text) {
  if (printable(text, text.size() + 1) != text) {
    fail_usage("'{}' names no model: it is not plain UTF-8 text", printable(text));
  }
  ModelName out;
  const auto end = text.find_first_of("/:");
  out.name = text.substr(0, end);
  if (out.name.empty()) {
    fail_usage("'{}' names no model; write NAME, NAME/VERSION or NAME:LABEL, as in digits/3",
               printable(text));
  }
  if (end == std::string_view::npos) return out;
  const std::string_view rest = text.substr(end + 1);
  if (text[end] == ':' && rest.empty()) {
    fail_usage("'{}' has no label; write NAME:LABEL, as in digits:stable", printable(text));
  }
  try {
    if (text[end] == '/') {
      out.version = parse_version(rest);
    } else {
      out.label = parse_label_name(rest);
    }
  } catch (const Error& error) {
    throw error.within("'" + printable(text) + "'");
  }
  return out;
}

ModelName parse_unlabelled_name(std::string_view text) {
  ModelName name = parse_model_name(text);
  if (!name.label.empty()) {
    fail_usage(
        "'{}': what a label points to is served anyway, and nn-model label moves it; name a version, as in "
        "{}/3",
        printable(text), printable(name.name));
  }
  return name;
}

}  // namespace nn::repository
