#include "worker/event_log.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/log.hpp"

namespace nn::serving {

EventLog::EventLog(const std::string& path) : path_(path) { reopen(); }

void EventLog::reopen() {
  if (path_.empty()) return;
  constexpr int owner_writes_all_read = 0644;
  UniqueFd fd(path_ == "-"
                  ? ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
                  : ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, owner_writes_all_read));
  if (!fd) fail_errno(path_);
  if (!fd_) {
    fd_ = std::move(fd);
  } else if (::dup3(fd.get(), fd_.get(), O_CLOEXEC) < 0) {  // others may be writing to this number
    fail_errno(path_);
  }
}

void EventLog::write(std::string_view event, const nlohmann::json& fields) {
  if (!fd_) return;
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  nlohmann::ordered_json line;
  line["time"] = fmt::format("{:%FT%T}.{:03d}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(now)),
                             now.time_since_epoch().count() % 1000);
  line["event"] = event;
  for (const auto& [key, value] : fields.items()) line[key] = value;
  const std::string text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  try {
    write_all(fd_.get(), std::as_bytes(std::span(text)), path_);
  } catch (...) {
    warn("{}: the log can't be written, and goes on without this line", path_);
  }
}

}  // namespace nn::serving
