#include "base/toml.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "base/enum_names.hpp"
#include "base/error.hpp"
#include "base/text.hpp"

namespace nn {
namespace {

std::int64_t line_of(const toml::source_region& source) {
  return static_cast<std::int64_t>(source.begin.line);
}

// Nobody's tables are deeper. Each level takes some stack, in the library's own functions as in ours: what
// the text nests is counted before it is parsed.
constexpr std::size_t most_nested = 16;  // brackets in each other
constexpr std::size_t most_dots = 8;     // in a key

constexpr std::string_view line_breaks = "\n\v\f\r";

// Where the string that begins at `at` has ended.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  const char quote = text[at];
  const bool long_one = text.substr(at, 3) == std::string(3, quote);
  at += long_one ? 3 : 1;
  for (; at < text.size(); ++at) {
    if (text[at] == '\\' && quote == '"') {
      ++at;
    } else if (long_one && text.substr(at, 3) == std::string(3, quote)) {
      at += 3;
      for (int more = 0; more < 2 && at < text.size() && text[at] == quote; ++more) ++at;  // of its content
      return at;
    } else if (!long_one && text[at] == quote) {
      return at + 1;
    } else if (!long_one && line_breaks.find(text[at]) != std::string_view::npos) {
      return at;  // it has no end: that is an error of its own
    }
  }
  return text.size();
}

// Where the text nests too deep.
std::optional<std::size_t> find_too_deep(std::string_view text) {
  std::size_t nested = 0, dots = 0;
  for (std::size_t at = 0; at < text.size();) {
    switch (text[at]) {
      case '"':
      case '\'': at = end_of_string(text, at); continue;
      case '#': at = std::min(text.find_first_of(line_breaks, at), text.size()); continue;
      case '.':
        if (++dots > most_dots) return at;
        break;
      case '[':
      case '{':
        if (++nested > most_nested) return at;
        dots = 0;
        break;
      case ']':
      case '}':
        nested -= nested > 0 ? 1 : 0;
        dots = 0;
        break;
      case '=':
      case ',':
      case '\n': dots = 0; break;
      default: break;
    }
    ++at;
  }
  return std::nullopt;
}

// `line` is the key's, for tables that have no line themselves: those that dots in keys make.
TomlValue value_of(const toml::node& node, std::int64_t line);

TomlTable table_of(const toml::table& table) {
  // The library has them in their keys' order.
  std::vector<std::pair<const toml::key*, const toml::node*>> written;
  for (const auto& [key, node] : table) written.emplace_back(&key, &node);
  const auto place = [](const auto& entry) {
    const toml::source_position& begin = entry.first->source().begin;
    return std::pair(begin.line, begin.column);
  };
  std::sort(written.begin(), written.end(),
            [&](const auto& a, const auto& b) { return place(a) < place(b); });
  TomlTable out;
  out.reserve(written.size());
  for (const auto& [key, node] : written) {
    const std::int64_t line = line_of(key->source());
    out.push_back({std::string(key->str()), line, value_of(*node, line)});
  }
  return out;
}

TomlValue::Content content_of(const toml::node& node, std::int64_t line) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* whole = node.as_integer()) return whole->get();
  if (const auto* number = node.as_floating_point()) return number->get();
  if (const auto* flag = node.as_boolean()) return flag->get();
  if (const toml::table* table = node.as_table()) return table_of(*table);
  if (const toml::array* array = node.as_array()) {
    TomlValue::List list;
    list.reserve(array->size());
    for (const toml::node& element : *array) list.push_back(value_of(element, line));
    return list;
  }
  return {};
}

TomlValue value_of(const toml::node& node, std::int64_t line) {
  const std::int64_t its = line_of(node.source());
  if (its > 0) line = its;
  return {content_of(node, line), line};
}

}  // namespace

const std::string& TomlValue::text() const {
  if (const auto* text = std::get_if<std::string>(&content_)) return *text;
  fail_usage("must be a text in quotes");
}

std::int64_t TomlValue::whole(std::int64_t least, std::int64_t most) const {
  if (kind() != Kind::whole) fail_usage("must be a whole number");
  return parse_count(word(), least, most);
}

double TomlValue::number(const Interval& interval) const {
  if (kind() != Kind::whole && kind() != Kind::number) fail_usage("must be a number");
  return parse_number_in(word(), interval);
}

bool TomlValue::flag() const {
  if (const bool* flag = std::get_if<bool>(&content_)) return *flag;
  fail_usage("must be true or false");
}

const TomlValue::List& TomlValue::list() const {
  if (const List* list = std::get_if<List>(&content_)) return *list;
  fail_usage("must be a list");
}

const TomlTable& TomlValue::table() const {
  if (const TomlTable* table = std::get_if<TomlTable>(&content_)) return *table;
  fail_usage("must be a table");
}

std::string TomlValue::word() const {
  switch (kind()) {
    case Kind::text: return std::get<std::string>(content_);
    case Kind::whole: return std::to_string(std::get<std::int64_t>(content_));
    case Kind::number: return fmt::format("{}", std::get<double>(content_));
    case Kind::flag: return std::get<bool>(content_) ? "true" : "false";
    case Kind::other:
    case Kind::list:
    case Kind::table: break;
  }
  return "";
}

const TomlEntry* find(const TomlTable& table, std::string_view key) {
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const TomlEntry& entry) { return entry.key == key; });
  return found == table.end() ? nullptr : &*found;
}

TomlFile::TomlFile(std::string_view text, std::string path, std::size_t most_bytes) : path_(std::move(path)) {
  if (text.size() > most_bytes) throw data_error("it is longer than {} bytes", most_bytes).within_file(path_);
  if (const auto place = find_too_deep(text)) {
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(*place), '\n');
    throw data_error("tables are nested too deep").within_file(path_, line);
  }
  try {
    root_ = table_of(toml::parse(text, path_));
  } catch (const toml::parse_error& error) {
    throw data_error("{}", printable(error.description(), 200)).within_file(path_, line_of(error.source()));
  }
}

void TomlFile::at(std::int64_t line, std::string_view key, const std::function<void()>& body) const {
  try {
    body();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::usage) throw;
    throw data_error("{}: {}", printable(key), error.message()).within_file(path_, line);
  }
}

void TomlFile::each(const TomlTable& table, const std::function<void(const TomlEntry&)>& take) const {
  for (const TomlEntry& entry : table) at(entry.line, entry.key, [&] { take(entry); });
}

void TomlFile::take(const TomlTable& table, std::string_view what, const std::vector<Key>& keys) const {
  each(table, [&](const TomlEntry& entry) {
    const auto key =
        std::find_if(keys.begin(), keys.end(), [&](const Key& known) { return known.name == entry.key; });
    if (key != keys.end()) return key->take(entry.value);
    std::vector<std::string_view> names;
    for (const Key& known : keys) names.push_back(known.name);
    fail_unknown_name(entry.key, what, names);
  });
}

}  // namespace nn
