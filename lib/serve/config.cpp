#include "serve/config.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"

namespace nn::serve {

namespace {

constexpr std::size_t longest = 1 << 20;  // bytes of a file

std::int64_t line_of(const toml::source_region& source) {
  return static_cast<std::int64_t>(source.begin.line);
}

}  // namespace

// Walks over the file's tables; names are put together on the way.
class ConfigReader {
 public:
  ConfigReader(const std::string& path, Config& out) : path_(path), out_(out) {}

  void take(const toml::table& table, const std::string& before) {
    for (const auto& [key, node] : table) {
      const std::string name =
          before.empty() ? std::string(key.str()) : before + "-" + std::string(key.str());
      if (const toml::table* inner = node.as_table()) {
        take(*inner, name);
        continue;
      }
      Config::Entry entry{name, {}, node.is_array(), line_of(key.source())};
      if (const toml::array* list = node.as_array()) {
        for (const toml::node& element : *list) entry.values.push_back(value(name, element));
      } else {
        entry.values.push_back(value(name, node));
      }
      out_.entries_.push_back(std::move(entry));
    }
  }

 private:
  Config::Value value(const std::string& name, const toml::node& node) {
    const std::int64_t line = line_of(node.source());
    if (const auto* text = node.as_string()) return {text->get(), false, line};
    if (const auto* integer = node.as_integer()) return {std::to_string(integer->get()), false, line};
    if (const auto* number = node.as_floating_point()) return {fmt::format("{}", number->get()), false, line};
    if (const auto* flag = node.as_boolean()) return {flag->get() ? "true" : "false", true, line};
    throw make_error(ErrorKind::usage, "{}: expected a text, a number, true, false, or a list of them",
                     printable(name))
        .within_file(path_, line);
  }

  const std::string& path_;
  Config& out_;
};

Config Config::read(const std::string& path) { return parse(read_text(path, longest), path); }

Config Config::parse(std::string_view text, const std::string& path) {
  Config config;
  config.path_ = path;
  try {
    const toml::table table = toml::parse(text, path);
    ConfigReader(path, config).take(table, "");
  } catch (const toml::parse_error& error) {
    throw make_error(ErrorKind::usage, "{}", printable(error.description(), 200))
        .within_file(path, line_of(error.source()));
  }
  std::stable_sort(config.entries_.begin(), config.entries_.end(),
                   [](const Entry& a, const Entry& b) { return a.line < b.line; });
  return config;
}

void Config::apply(const options::List& list,
                   const std::function<bool(std::string_view name)>& is_given) const {
  options::Application application;
  for (const Entry& entry : entries_) {
    std::int64_t line = entry.line;
    try {
      const options::Option* option = options::find(list, entry.name);
      if (option == nullptr || option->is_argument()) {
        throw Error(ErrorKind::usage, options::unknown_option(list, "--" + entry.name));
      }
      if (is_given(entry.name)) continue;
      if (entry.list && !option->field.repeatable)
        fail_usage("{} takes one value, not a list", option->flag_name());
      for (const Value& value : entry.values) {
        line = value.line;
        const bool alone = option->is_flag() || (value.flag && option->field.optional_value);
        if (option->is_flag() && !value.flag) fail_usage("{} takes true or false", option->flag_name());
        if (alone && value.text != "true") continue;
        application.apply(*option,
                          alone ? (option->is_flag() ? std::optional<std::string_view>("") : std::nullopt)
                                : std::optional<std::string_view>(value.text));
      }
    } catch (const Error& error) {
      throw error.as(ErrorKind::usage).within_file(path_, line);
    }
  }
}

std::map<std::string, std::string> Config::words(
    const std::function<bool(std::string_view name)>& is_given) const {
  std::map<std::string, std::string> out;
  for (const Entry& entry : entries_) {
    if (is_given(entry.name)) continue;
    std::string& words = out[entry.name];
    for (const Value& value : entry.values) words += value.text + "\n";
  }
  return out;
}

}  // namespace nn::serve
