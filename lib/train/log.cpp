#include "train/log.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "base/run_end.hpp"

namespace nn::train {

namespace {

// Without its end.
std::string line_of(const LogRecord& record) {
  std::string line = "{";
  add_json(line, "step", record.step);
  add_json(line, "epoch", record.epoch);
  if (record.member > 0) add_json(line, "member", record.member);
  for (const auto& [name, value] : record.figures) add_json(line, name, value);
  return line;
}

}  // namespace

TrainingLog::TrainingLog(const std::string& path, const std::string& metrics, bool append)
    : file_(path, {.append = append, .standard = STDOUT_FILENO}), metrics_(metrics, {}) {}

void TrainingLog::write(const LogRecord& record) {
  if (!file_ && !metrics_) return;
  std::string line = line_of(record);
  metrics_.write(line + "}\n");
  if (!record.options.empty()) line += fmt::format(",\"options\":{}", record.options);
  file_.write(line + "}\n");
}

void TrainingLog::repeat(const LogRecord& record) {
  if (metrics_) metrics_.write(line_of(record) + "}\n");
}

void TrainingLog::begun(std::int64_t member, const std::string& path, const model::TrainingState* state) {
  if (!file_) return;
  std::string line = "{";
  add_json(line, "begin", state != nullptr ? "resumed" : "anew");
  if (member > 0) add_json(line, "member", member);
  add_json(line, "checkpoint", path);
  if (state != nullptr) {
    add_json(line, "epochs", state->epoch);
    add_json(line, "steps", state->step);
  }
  file_.write(line + "}\n");
}

void TrainingLog::member_failed(std::int64_t member, const Error& error) {
  std::string line = run_failed(error);
  add_json(line, "member", member);
  line += "}\n";
  file_.write(line);
  metrics_.write(line);
}

void TrainingLog::member_stopped(std::int64_t member, std::uint64_t epochs, std::uint64_t steps) {
  std::string line = run_stopped();
  add_json(line, "member", member);
  add_json(line, "epochs", epochs);
  add_json(line, "steps", steps);
  line += "}\n";
  file_.write(line);
  metrics_.write(line);
}

void TrainingLog::member_finished(std::int64_t member) {
  std::string line = run_finished();
  add_json(line, "member", member);
  metrics_.write(line + "}\n");
}

void TrainingLog::end(std::string line, const RunFigures& run) {
  if (run.members > 1) {
    add_json(line, "members", run.members);
    add_json(line, "models", run.models);
  } else {
    add_json(line, "epochs", run.epochs);
    add_json(line, "steps", run.steps);
    if (!run.checkpoint.empty()) add_json(line, "checkpoint", run.checkpoint);
  }
  file_.write(line + "}\n");
}

void TrainingLog::finished(const RunFigures& run) {
  if (file_) end(run_finished(), run);
}

void TrainingLog::ended_by(const std::exception_ptr& exception, const RunFigures& run) noexcept {
  if (!file_) return;
  try {
    end(run_ended_by(exception), run);
  } catch (...) {
  }
}

}  // namespace nn::train
