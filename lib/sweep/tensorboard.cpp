#include "sweep/tensorboard.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "format/event_file.hpp"
#include "sweep/events.hpp"
#include "sweep/plan.hpp"

namespace nn::sweep {
namespace {

// Always the same name: who goes on after a crash finds what was written.
constexpr std::string_view file_name = "/events.out.tfevents.nn-sweep";

void make_folder(const std::string& path) {
  std::error_code code;
  std::filesystem::create_directories(path, code);
  if (code) throw make_error(ErrorKind::io, "{}: {}", path, code.message());
}

std::string name_of(const study::Trial& trial) { return fmt::format("trial-{:05}", trial.number); }
std::string path_of(const std::string& folder, const study::Trial& trial) {
  return trial_folder(folder, trial.number) + std::string(file_name);
}

// Also while a run ends by a signal: what trials say until then is written.
void write(const std::string& path, int flags, const std::string& bytes) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC | flags, 0666));
  if (!fd) fail_errno(path);
  std::string_view left = bytes;
  while (!left.empty()) {
    const ssize_t n = ::write(fd.get(), left.data(), left.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno(path);
    left.remove_prefix(static_cast<std::size_t>(n));
  }
  if ((flags & O_APPEND) == 0 && ::ftruncate(fd.get(), static_cast<off_t>(bytes.size())) != 0)
    fail_errno(path);
}

// The file is this from here on, and stays the same file: readers hold it open. What they have read of it
// stands at the same places, since of an attempt that is gone on from only times differ.
void put(const std::string& path, const std::string& bytes) { write(path, O_CREAT, bytes); }

// Whether the trial's end stands there already, and all in front of it.
bool has_end(const std::string& path) {
  if (!stamp_of(path)) return false;
  const auto file = MappedFile::open(path);
  const format::EventRecords records = format::event_records(file->text());
  return records.whole == file->text().size() && is_end_event(records.last);
}

bool has(const std::string& path, const std::string& bytes) {
  const auto stamp = stamp_of(path);
  return stamp && stamp->size == bytes.size() && MappedFile::open(path)->text() == bytes;
}

void put_experiment(const study::Study& study, const std::string& folder) {
  make_folder(folder);
  const std::string path = folder + std::string(file_name), events = experiment_events(study);
  if (!has(path, events)) put(path, events);
}

std::string put_trial(const study::Study& study, const std::string& folder, const study::Trial& trial) {
  make_folder(trial_folder(folder, trial.number));
  std::string events = trial_events(study, trial, name_of(trial));
  put(path_of(folder, trial), events);
  return events;
}

void put_ended(const study::Study& study, const std::string& folder) {
  for (const study::Trial& trial : study.log().trials) {
    if (trial.is_finished() && !has_end(path_of(folder, trial))) put_trial(study, folder, trial);
  }
}

}  // namespace

TensorBoard::TensorBoard(const study::Study& study, std::string folder)
    : study_(study), folder_(std::move(folder)) {
  put_experiment(study_, folder_);
  put_ended(study_, folder_);
}

template <typename Act>
void TensorBoard::unless_failed(Act act) {
  if (failed_) return;
  try {
    act();
  } catch (const Error& error) {
    failed_ = true;
    warn("{}; nothing more is written to {}: an export makes up for it", error.what(), folder_);
  }
}

void TensorBoard::write_anew(const study::Trial& trial) {
  Written& written = written_[trial.number];
  written.bytes = put_trial(study_, folder_, trial).size();
  written.last_step = trial.reports.empty() ? INT64_MIN : trial.reports.back().step;
}

// Where somebody else wrote to it, or took it away, it is made of the journal again: that has the same
// already.
void TensorBoard::append(const study::Trial& trial, const std::string& records) {
  const std::string path = path_of(folder_, trial);
  const auto stamp = stamp_of(path);
  Written& written = written_[trial.number];
  if (!stamp || stamp->size != written.bytes) return write_anew(trial);
  write(path, O_APPEND, records);
  written.bytes += records.size();
}

void TensorBoard::began(const study::Trial& trial) {
  unless_failed([&] {
    // Of a new study it has the first trial's time.
    if (trial.number == 0) put_experiment(study_, folder_);
    write_anew(trial);
  });
}

void TensorBoard::reported(const study::Trial& trial, const study::Report& report,
                           std::string_view metrics_json) {
  unless_failed([&] {
    Written& written = written_[trial.number];
    std::string records;
    if (report.step <= written.last_step) records = restart_event(trial, report.step);
    written.last_step = report.step;
    append(trial, records + report_events(study_, trial, report, metrics_json));
  });
}

void TensorBoard::ended(const study::Trial& trial, bool /*is_best*/) {
  unless_failed([&] { append(trial, end_events(study_, trial)); });
  written_.erase(trial.number);
}

void TensorBoard::catch_up() {
  unless_failed([&] {
    put_experiment(study_, folder_);
    put_ended(study_, folder_);
  });
}

void export_tensorboard(const study::Study& study, const std::string& folder) {
  put_experiment(study, folder);
  put_ended(study, folder);
  for (const std::uint32_t number : study.log().running) {
    const study::Trial& trial = study.log().trials[number];
    const std::string events = trial_events(study, trial, name_of(trial));
    if (!has(path_of(folder, trial), events)) put_trial(study, folder, trial);
  }
}

}  // namespace nn::sweep
