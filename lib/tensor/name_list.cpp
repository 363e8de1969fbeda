#include "tensor/name_list.hpp"

#include <charconv>
#include <deque>
#include <utility>

#include "base/json_cursor.hpp"
#include "base/json_lines.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"

namespace nn {
namespace {

constexpr std::string_view element_names_key = "nn.element_names";

// A whole number of up to 64 bits in its usual form; nothing for any other value.
std::optional<std::string> integer_text(std::string_view json) {
  if (const auto value = find_integer(json)) return std::to_string(*value);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(json.data(), json.data() + json.size(), value);
  const bool whole = error == std::errc() && end == json.data() + json.size();
  return whole ? std::optional(std::to_string(value)) : std::nullopt;
}

}  // namespace

std::optional<NameList> parse_name_list(std::string_view text) {
  if (!is_utf8(text)) return std::nullopt;
  std::deque<std::string> unescaped;
  JsonCursor json(text, unescaped, 1);
  NameList list;
  json.array([&] {
    const bool is_text = json.peek() == '"';
    std::optional<std::string> name =
        is_text ? std::optional(std::string(json.string())) : integer_text(json.skip());
    if (!name || list.names.size() == most_names) return json.fail("not a list of names");
    if (list.names.empty()) list.integers = !is_text;
    list.mixed = list.integers == is_text;
    if (list.mixed) return json.fail("texts and numbers");
    list.names.push_back(std::move(*name));
  });
  if (list.mixed) return list;
  return json.ok() && json.at_end() ? std::optional(std::move(list)) : std::nullopt;
}

std::string name_list_text(const std::vector<std::string>& names) { return JsonValue(names).json(); }

std::vector<std::string> element_names(const Field& field) {
  const std::string* text = field.metadata.find(element_names_key);
  if (text == nullptr) return {};
  auto list = parse_name_list(*text);
  const bool good = list && !list->mixed && !list->integers &&
                    static_cast<std::int64_t>(list->names.size()) == element_count(field.shape);
  return good ? std::move(list->names) : std::vector<std::string>();
}

void set_element_names(Field& field, const std::vector<std::string>& names) {
  field.metadata.set(std::string(element_names_key), name_list_text(names));
}

}  // namespace nn
