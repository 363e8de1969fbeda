// TOML as a tree of values that know their lines, and one way to walk through it: what is wrong is told with
// the file, the line and the key, and a key that nobody takes is refused by name.
//
//   const TomlFile file(text, "ensemble.toml", 1 << 20);
//   file.take(file.root(), "a key",
//             {{"rule", [&](const TomlValue& value) { rule = parse_rule(value.text()); }},
//              {"quorum", [&](const TomlValue& value) { quorum = value.whole(1, 64); }}});
//
// Values are constant: several threads may read them. toml.cpp alone sees the library that parses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/numbers.hpp"

namespace nn {

struct TomlEntry;
using TomlTable = std::vector<TomlEntry>;  // in the order of the file

class TomlValue {
 public:
  using List = std::vector<TomlValue>;
  enum class Kind : std::uint8_t {
    other,
    text,
    whole,
    number,
    flag,
    list,
    table
  };  // other: a date or a time
  using Content = std::variant<std::monostate, std::string, std::int64_t, double, bool, List, TomlTable>;

  TomlValue(Content content, std::int64_t line);

  Kind kind() const { return static_cast<Kind>(content_.index()); }
  std::int64_t line() const { return line_; }  // from 1

  // What it is. Usage errors where it is something else or out of range, without a place: take() adds that.
  const std::string& text() const;
  std::int64_t whole(std::int64_t least, std::int64_t most) const;
  double number(const Interval& interval) const;  // whole numbers are some, too
  bool flag() const;
  const List& list() const;
  const TomlTable& table() const;

  // As a command line has it: "7", "true". "" for what is neither a text nor a number nor a flag.
  std::string word() const;

 private:
  Content content_;  // in the order of Kind
  std::int64_t line_;
};

struct TomlEntry {
  std::string key;
  std::int64_t line = 0;  // the key's
  TomlValue value;
};

// Here entries are complete, whose tables a value may have.
inline TomlValue::TomlValue(Content content, std::int64_t line) : content_(std::move(content)), line_(line) {}

// Null where there is none.
const TomlEntry* find(const TomlTable& table, std::string_view key);

// Errors that it throws are data errors within "path:line".
class TomlFile {
 public:
  // `path` is for messages. Data errors for a text that is longer than `most_bytes`, no TOML, or nested
  // deeper than anybody's.
  TomlFile(std::string_view text, std::string path, std::size_t most_bytes);

  const TomlTable& root() const { return root_; }

  struct Key {
    std::string_view name;
    std::function<void(const TomlValue&)> take;
  };
  // Calls each key's function with its value. `what` keys are in messages about others: "a key of a member".
  void take(const TomlTable& table, std::string_view what, const std::vector<Key>& keys) const;
  // The same for a table whose keys are names.
  void each(const TomlTable& table, const std::function<void(const TomlEntry&)>& take) const;
  // Calls `body`, whose usage errors are this file's, with the line and the key. Others pass: they are of a
  // line within.
  void at(std::int64_t line, std::string_view key, const std::function<void()>& body) const;

 private:
  std::string path_;
  TomlTable root_;
};

}  // namespace nn
