// A line of JSON for each event.
#pragma once

#include <string>
#include <string_view>

#include "base/json_lines.hpp"

namespace nn::serving {

// Thread-safe.
class EventLog {
 public:
  // Appends to the file ("-" is stderr); empty: logs nothing.
  explicit EventLog(const std::string& path);
  // {"time":"2026-01-31T12:00:00.000Z","event":EVENT, …fields}.
  void write(std::string_view event, const JsonFields& fields);
  // Opens the file anew, for logrotate.
  void reopen() { file_.reopen({}); }

 private:
  LineFile file_;
};

}  // namespace nn::serving
