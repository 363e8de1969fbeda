#include "train/log.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "base/run_end.hpp"

namespace nn::train {

namespace {

// The fields that say how a member's training went, behind others.
void add_course(std::string& line, const MemberCourse& course) {
  add_json(line, "epochs", course.epochs);
  add_json(line, "steps", course.steps);
  if (course.best_epoch > 0) add_json(line, "best_epoch", course.best_epoch);
  std::string metrics = "{";
  for (const auto& [name, value] : course.metrics) {
    if (name != "epochs") add_json(metrics, name, value);
  }
  if (!course.metrics.empty()) line += fmt::format(",\"metrics\":{}}}", metrics);
  if (!course.options.empty()) line += fmt::format(",\"options\":{}", course.options);
}

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
  for (RunObserver* observer : observers_)
    record.ends_epoch ? observer->epoch_ended(record) : observer->step_ended(record);
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
  for (RunObserver* observer : observers_) observer->member_ended(member);
  std::string line = run_failed(error);
  add_json(line, "member", member);
  line += "}\n";
  file_.write(line);
  metrics_.write(line);
}

void TrainingLog::member_stopped(std::int64_t member, std::uint64_t epochs, std::uint64_t steps) {
  for (RunObserver* observer : observers_) observer->member_ended(member);
  std::string line = run_stopped();
  add_json(line, "member", member);
  add_json(line, "epochs", epochs);
  add_json(line, "steps", steps);
  line += "}\n";
  file_.write(line);
  metrics_.write(line);
}

void TrainingLog::member_finished(std::int64_t member, const MemberCourse& course) {
  std::string line = run_finished();
  add_json(line, "member", member);
  metrics_.write(line + "}\n");
  if (!file_) return;
  add_course(line, course);
  file_.write(line + "}\n");
}

void TrainingLog::end(std::string line, const RunFigures& run) {
  if (!run.folds.empty()) {
    add_json(line, "folds", run.members);
    std::string means = "{", deviations = "{";
    for (const FoldFigure& figure : run.folds) {
      add_json(means, figure.name, figure.mean);
      add_json(deviations, figure.name, figure.deviation);
    }
    line += fmt::format(",\"metrics\":{}}},\"std\":{}}}", means, deviations);
  } else if (run.members > 1) {
    add_json(line, "members", run.members);
    add_json(line, "models", run.models);
    if (run.best_member > 0) add_json(line, "best_member", run.best_member);
  } else {
    add_course(line, run.courses.empty() ? MemberCourse() : run.courses.front());
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
