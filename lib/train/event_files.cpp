#include "train/event_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "format/event_file.hpp"

// Numbers of fields are those of TensorFlow's event.proto and summary.proto.
namespace nn::train {
namespace {

using format::event_record;
using format::ProtoMessage;

double now_s() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  std::string host(name.data());
  for (char& c : host) {
    if (c == '/') c = '-';
  }
  return host;
}

ProtoMessage event(double time) { return ProtoMessage().real(1, time); }

std::string first_records(double time, std::uint64_t begins_with, bool resumes) {
  std::string records = event_record(event(time).text(3, "brain.Event:2").bytes());
  constexpr std::uint64_t session_start = 1;
  if (resumes) {
    records += event_record(
        event(time).whole(2, begins_with).message(7, ProtoMessage().whole(1, session_start)).bytes());
  }
  return records;
}

// Also while a run ends by a signal: what it says until then is written.
void append(const std::string& path, std::string_view bytes) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (!fd) fail_errno(path);
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno(path);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

// What people compare; times are in the events themselves.
bool is_scalar(std::string_view name) { return name != "elapsed_s" && name != "data_wait"; }

void make_folder(const std::string& path) {
  std::error_code code;
  std::filesystem::create_directories(path, code);
  if (code) throw make_error(ErrorKind::io, "{}", code.message()).within_file(path);
}

std::size_t place_of(const LogRecord& record) {
  return record.member > 0 ? static_cast<std::size_t>(record.member - 1) : 0;
}

}  // namespace

EventFiles::EventFiles(const std::string& folder, std::size_t members, bool with_steps, bool resumes)
    : resumes_(resumes) {
  const std::string name =
      fmt::format("events.out.tfevents.{:.0f}.{}.{}", std::floor(now_s()), host_name(), ::getpid());
  for (std::size_t m = 1; m <= members; ++m) {
    const std::string own = members > 1 ? fmt::format("{}/member-{}", folder, m) : folder;
    make_folder(own);
    epochs_.push_back({own + "/" + name});
    if (!with_steps) continue;
    make_folder(own + "/steps");
    steps_.push_back({own + "/steps/" + name});
  }
}

void EventFiles::write(File& file, const LogRecord& record, std::uint64_t step, const std::string& prefix) {
  const std::scoped_lock lock(mutex_);
  if (failed_) return;
  const double time = now_s();
  ProtoMessage summary;
  for (const auto& [name, value] : record.figures) {
    if (is_scalar(name)) summary.message(1, ProtoMessage().text(1, prefix + name).single(2, value));
  }
  const std::string records = (file.begun ? "" : first_records(time, step, resumes_)) +
                              event_record(event(time).whole(2, step).message(5, summary).bytes());
  try {
    append(file.path, records);
    file.begun = true;
  } catch (const Error& error) {
    failed_ = true;
    warn("{}; nothing more is written for TensorBoard", error.what());
  }
}

void EventFiles::epoch_ended(const LogRecord& record) {
  write(epochs_[place_of(record)], record, record.epoch, "");
}

void EventFiles::step_ended(const LogRecord& record) {
  write(steps_[place_of(record)], record, record.step, "step/");
}

}  // namespace nn::train
