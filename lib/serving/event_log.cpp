#include "serving/event_log.hpp"

#include <fmt/chrono.h>
#include <unistd.h>

#include <chrono>

#include "base/log.hpp"

namespace nn::serving {

EventLog::EventLog(const std::string& path) : file_(path, {.standard = STDERR_FILENO}) {}

void EventLog::write(std::string_view event, const JsonFields& fields) {
  if (!file_) return;
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  std::string line = "{";
  add_json(line, "time",
           fmt::format("{:%FT%T}.{:03d}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
                       now.time_since_epoch().count() % 1000));
  add_json(line, "event", event);
  for (const auto& [key, value] : fields) add_json(line, key, value);
  try {
    file_.write(line + "}\n");
  } catch (...) {
    warn("{}: the log can't be written, and goes on without this line", file_.path());
  }
}

}  // namespace nn::serving
