// Messages for people, on stderr, each one line: "nn-train: text". Thread-safe.
#pragma once

#include <fmt/core.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace nn {

enum class Verbosity { quiet, normal, verbose };

void set_tool_name(std::string name);
const std::string& tool_name();
void set_verbosity(Verbosity verbosity);
Verbosity verbosity();

// From here on a message never waits for the reader of stderr: one that finds no room is dropped, and the
// next that doesn't says how many were. For threads that others depend on. Otherwise a message waits, until a
// stop is requested (base/signals.hpp).
void drop_late_messages();

void print_message(std::string_view text);  // always
// The text of such a line that `tool` printed; the whole line where it is somebody else's.
std::string_view message_of(std::string_view tool, std::string_view line);
void print_warning(std::string_view text);  // "nn-train: warning: text", unless --quiet
void print_note(std::string_view text);     // only with --verbose
void print_summary(std::string_view text);  // as a note, and for whoever sits at a terminal; not with --quiet

template <typename... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  print_warning(fmt::format(format, std::forward<Args>(args)...));
}

template <typename... Args>
void note(fmt::format_string<Args...> format, Args&&... args) {
  if (verbosity() == Verbosity::verbose) print_note(fmt::format(format, std::forward<Args>(args)...));
}

// A line on stderr that moves while long work goes on: "epoch 3/60  loss 0.12  5%
// 12,300 rows/s  ETA 0:42". Draws only when stderr is a terminal and not --quiet, at
// most ten times a second, and not while the terminal is stopped (^S); SIGUSR1 prints it as a plain message
// in any case. One thread.
class Progress {
 public:
  // `unit` is what is counted ("rows"); total 0 when unknown.
  explicit Progress(std::string unit, std::uint64_t total = 0);
  ~Progress();  // erases the line
  void set_total(std::uint64_t total) { total_ = total; }
  // `detail` is put in front of rate and ETA.
  void update(std::uint64_t done, std::string_view detail = {});
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  std::string line(std::uint64_t done, std::string_view detail) const;
  std::string unit_;
  std::uint64_t total_;
  Clock::time_point start_, drawn_;
  bool enabled_;
  bool visible_ = false;
};

std::string format_duration(double seconds);    // "0:42", "1:02:03"
std::string format_count(std::uint64_t count);  // "12,300"

}  // namespace nn
