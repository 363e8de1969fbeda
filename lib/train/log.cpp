#include "train/log.hpp"

#include <unistd.h>

namespace nn::train {

TrainingLog::TrainingLog(const std::string& path, bool append)
    : file_(path, {.append = append, .standard = STDOUT_FILENO}) {}

void TrainingLog::write(const LogRecord& record) {
  if (!file_) return;
  std::string line = "{";
  add_json(line, "step", record.step);
  add_json(line, "epoch", record.epoch);
  if (record.member > 0) add_json(line, "member", record.member);
  for (const auto& [name, value] : record.figures) add_json(line, name, value);
  file_.write(line + "}\n");
}

}  // namespace nn::train
