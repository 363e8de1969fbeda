#include "serve/config.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "base/toml.hpp"

namespace nn::serve {

namespace {

constexpr std::size_t longest = 1 << 20;  // bytes of a file

bool is_value(const TomlValue& value) {
  using enum TomlValue::Kind;
  const auto kind = value.kind();
  return kind == text || kind == whole || kind == number || kind == flag;
}

}  // namespace

// Walks over the file's tables; names are put together on the way.
class ConfigReader {
 public:
  ConfigReader(const std::string& path, Config& out) : path_(path), out_(out) {}

  void take(const TomlTable& table, const std::string& before) {
    for (const TomlEntry& entry : table) {
      const std::string name = before.empty() ? entry.key : before + "-" + entry.key;
      if (entry.value.kind() == TomlValue::Kind::table) {
        take(entry.value.table(), name);
        continue;
      }
      const bool list = entry.value.kind() == TomlValue::Kind::list;
      Config::Entry& out = out_.entries_.emplace_back(Config::Entry{name, {}, list, entry.line});
      if (!list) {
        add(entry.value, out);
        continue;
      }
      for (const TomlValue& value : entry.value.list()) add(value, out);
    }
  }

 private:
  void add(const TomlValue& value, Config::Entry& entry) {
    if (!is_value(value)) {
      throw data_error("{}: expected a text, a number, true, false, or a list of them", printable(entry.name))
          .within_file(path_, value.line());
    }
    entry.values.push_back({value.word(), value.kind() == TomlValue::Kind::flag, value.line()});
  }

  const std::string& path_;
  Config& out_;
};

Config Config::read(const std::string& path) { return parse(read_text(path, longest), path); }

Config Config::parse(std::string_view text, const std::string& path) {
  Config config;
  config.path_ = path;
  try {
    ConfigReader(path, config).take(TomlFile(text, path, longest).root(), "");
  } catch (const Error& error) {
    throw error.as(ErrorKind::usage);  // a part of the command line
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

std::map<std::string, std::int64_t> Config::lines(
    const std::function<bool(std::string_view name)>& is_given) const {
  std::map<std::string, std::int64_t> out;
  for (const Entry& entry : entries_) {
    if (!is_given(entry.name)) out[entry.name] = entry.line;
  }
  return out;
}

}  // namespace nn::serve
