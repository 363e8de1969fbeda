#include "train/log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <span>

#include "base/error.hpp"

namespace nn::train {

TrainingLog::TrainingLog(const std::string& path, bool append) : path_(path) {
  if (path.empty()) return;
  if (path == "-") {
    path_ = "standard output";
    fd_ = UniqueFd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  } else {
    const int how = O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC);
    fd_ = UniqueFd(::open(path.c_str(), how, 0666));
  }
  if (!fd_) fail_errno(path_);
}

void TrainingLog::write(const LogRecord& record) {
  if (!fd_) return;
  std::string line = fmt::format("{{\"step\":{},\"epoch\":{}", record.step, record.epoch);
  if (record.member > 0) line += fmt::format(",\"member\":{}", record.member);
  for (const auto& [name, value] : record.figures) {
    line += std::isfinite(value) ? fmt::format(",\"{}\":{}", name, value) : fmt::format(",\"{}\":null", name);
  }
  write_line(line + "}\n");
}

void TrainingLog::write_line(std::string_view line) {
  if (!fd_) return;
  const std::scoped_lock lock(mutex_);
  write_all(fd_.get(), std::as_bytes(std::span(line)), path_);
}

}  // namespace nn::train
