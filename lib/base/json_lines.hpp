// Files with a JSON object a line, for jq, pandas and dashboards, and the few values that go into them.
#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.hpp"
#include "base/wait.hpp"

namespace nn {

// The text as JSON has it, in quotes. Bytes that are not UTF-8 become U+FFFD.
std::string json_quoted(std::string_view text);

// A value as the JSON text that it becomes.
class JsonValue {
 public:
  JsonValue(std::string_view text) : json_(json_quoted(text)) {}
  JsonValue(const std::string& text) : json_(json_quoted(text)) {}
  JsonValue(const char* text) : json_(json_quoted(text)) {}
  JsonValue(bool value) : json_(value ? "true" : "false") {}
  JsonValue(double value);  // the shortest digits that read back as the same; null where it isn't finite
  template <std::integral T>
  JsonValue(T value) : json_(std::to_string(value)) {}
  JsonValue(const std::vector<std::string>& texts);
  // JSON already.
  static JsonValue of_json(std::string json) {
    JsonValue value(false);
    value.json_ = std::move(json);
    return value;
  }
  const std::string& json() const { return json_; }

 private:
  std::string json_;
};

// Ordered by key, so that equal objects are equal lines.
using JsonFields = std::map<std::string, JsonValue, std::less<>>;

// "key":value behind what `object` has, a comma in between: "{" and its fields so far.
void add_json(std::string& object, std::string_view key, const JsonValue& value);

// A file that takes whole lines, one or several at a time. Thread-safe: what is given at once is one write.
class LineFile {
 public:
  struct How {
    bool append = true;  // or begin anew
    int standard = 2;    // the descriptor that "-" is
  };
  // An empty path: everything is dropped. FIFOs are fine. Io errors name the path.
  LineFile(const std::string& path, How how);
  explicit operator bool() const { return !path_.empty(); }
  const std::string& path() const { return path_; }
  // Lines with their ends. Errors as write_all() has them. After a line of which only a part went out, the
  // next begins a new one.
  void write(std::string_view line);
  // The same; false where `end` came first. `whole`, also where it throws: the bytes of those lines that are
  // in the file as a whole.
  bool write_until(std::string_view line, const WaitEnd& end, std::size_t* whole = nullptr);
  // Opens the path anew and appends, for logrotate; the old file stays open where that fails. False where
  // `end` came before the other side of a FIFO.
  bool reopen(const WaitEnd& end);

 private:
  std::optional<UniqueFd> open(bool append, const WaitEnd& end) const;
  template <typename Write>
  bool write_lines(std::string_view lines, std::size_t* whole, Write write);
  std::string path_;
  int standard_;
  UniqueFd fd_;
  std::mutex mutex_;
  bool torn_ = false;  // the last line has no end
};

}  // namespace nn
