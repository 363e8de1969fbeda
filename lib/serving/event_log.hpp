// A line of JSON for each event.
#pragma once

#include <string>
#include <string_view>

#include "base/json_lines.hpp"
#include "serving/log_writer.hpp"

namespace nn::serving {

// Thread-safe, and nothing of it waits for the file: LogWriter does, in a thread of its own.
class EventLog {
 public:
  // Appends to the file ("-" is stderr); empty: logs nothing. Errors as LogWriter has them.
  explicit EventLog(const std::string& path, LogLimits limits = {}, const Clock& clock = Clock::machine());
  // {"time":"2026-01-31T12:00:00.000Z","event":EVENT, …fields}. Where lines had to be dropped, the next has
  // the event "dropped" and says how many "lines".
  void write(std::string_view event, const JsonFields& fields);
  // Opens the file anew, for logrotate; where that fails, a warning says so, and the old one stays open.
  void reopen() { writer_.reopen(); }

 private:
  const Clock& clock_;
  LogWriter writer_;
};

}  // namespace nn::serving
