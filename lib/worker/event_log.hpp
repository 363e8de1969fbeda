// A line of JSON for each event.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/file.hpp"

namespace nn::serving {

class EventLog {
 public:
  // Appends to the file ("-" is stderr); empty: logs nothing.
  explicit EventLog(const std::string& path);
  // {"time":"2026-01-31T12:00:00.000Z","event":EVENT, …fields}. Thread-safe: a line is one write.
  void write(std::string_view event, const nlohmann::json& fields);
  bool enabled() const { return static_cast<bool>(fd_); }
  // Opens the file anew, for logrotate. Thread-safe.
  void reopen();

 private:
  std::string path_;
  UniqueFd fd_;
};

}  // namespace nn::serving
