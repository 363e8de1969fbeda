#include "serving/event_log.hpp"

#include <fmt/chrono.h>

#include <chrono>

namespace nn::serving {
namespace {

std::string line_of(const Clock& clock, std::string_view event, const JsonFields& fields) {
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(clock.date());
  std::string line = "{";
  add_json(line, "time",
           fmt::format("{:%FT%T}.{:03d}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
                       now.time_since_epoch().count() % 1000));
  add_json(line, "event", event);
  for (const auto& [key, value] : fields) add_json(line, key, value);
  return line + "}\n";
}

}  // namespace

EventLog::EventLog(const std::string& path, LogLimits limits, const Clock& clock)
    : clock_(clock),
      writer_(
          path,
          [&clock](std::uint64_t lines) {
            return line_of(clock, "dropped", {{"lines", lines}});
          },
          limits, clock) {}

void EventLog::write(std::string_view event, const JsonFields& fields) {
  if (writer_) writer_.add(line_of(clock_, event, fields));
}

}  // namespace nn::serving
