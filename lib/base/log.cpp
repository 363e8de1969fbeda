#include "base/log.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <span>

#include "base/live_area.hpp"
#include "base/signals.hpp"
#include "base/wait.hpp"

namespace nn {
namespace {

std::string name_of_tool = "nn-tools";
std::atomic<Verbosity> level{Verbosity::normal};

enum class Patience { none, until_stopped };

// Where messages go once they don't wait: stderr's pipe or terminal, opened as only ours.
std::atomic<int> own_stderr{-1};
std::atomic<std::uint64_t> dropped_messages{0};

// One write(2) a message, so that lines of several processes do not mix. False where not all of it went out.
bool write_text(int fd, std::string_view text, Patience patience) {
  struct iovec piece {
    const_cast<char*>(text.data()), text.size()
  };
  std::span<struct iovec> left(&piece, 1);
  try {
    const WaitEnd at_once{-1, WaitEnd::Clock::time_point()};
    if (patience == Patience::none) return write_until(fd, left, "standard error", at_once);
    if (stop_requested() == 0 && write_until(fd, left, "standard error", {stop_descriptor()})) return true;
    return write_until(fd, left, "standard error", {-1, stop_deadline()});
  } catch (...) {
    return true;  // nobody is there to be told
  }
}

void put(std::string_view text) {
  const int own = own_stderr;
  if (own < 0) {
    // In one write with what moves below it.
    const LivePause pause;
    write_text(STDERR_FILENO, fmt::format("{}{}{}", pause.before(), text, pause.after()),
               Patience::until_stopped);
    return;
  }
  const std::uint64_t dropped = dropped_messages.exchange(0);
  const std::string notice =
      dropped == 0
          ? ""
          : fmt::format("{}: {} messages are missing here: nobody read them\n", name_of_tool, dropped);
  if (!write_text(own, notice + std::string(text), Patience::none)) dropped_messages += dropped + 1;
}

}  // namespace

void set_tool_name(std::string name) { name_of_tool = std::move(name); }
const std::string& tool_name() { return name_of_tool; }
void set_verbosity(Verbosity verbosity) { level = verbosity; }
Verbosity verbosity() { return level.load(std::memory_order_relaxed); }

void drop_late_messages() {
  if (own_stderr < 0) own_stderr = open_own(STDERR_FILENO).release();
}

void print_message(std::string_view text) { put(fmt::format("{}: {}\n", name_of_tool, text)); }

std::string_view message_of(std::string_view tool, std::string_view line) {
  constexpr std::string_view joint = ": ";
  if (!line.starts_with(tool) || !line.substr(tool.size()).starts_with(joint)) return line;
  return line.substr(tool.size() + joint.size());
}

void print_warning(std::string_view text) {
  if (verbosity() != Verbosity::quiet) put(fmt::format("{}: warning: {}\n", name_of_tool, text));
}

void print_note(std::string_view text) {
  if (verbosity() == Verbosity::verbose) put(fmt::format("{}: {}\n", name_of_tool, text));
}

void print_summary(std::string_view text) {
  const bool watched = verbosity() == Verbosity::normal && ::isatty(STDERR_FILENO) != 0;
  if (watched || verbosity() == Verbosity::verbose) put(fmt::format("{}: {}\n", name_of_tool, text));
}

std::string format_duration(double seconds) {
  const auto s = static_cast<std::uint64_t>(std::llround(seconds));
  if (s < 3600) return fmt::format("{}:{:02}", s / 60, s % 60);
  return fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60);
}

std::string format_count(std::uint64_t count) {
  std::string text = fmt::format("{}", count);
  for (auto at = static_cast<int>(text.size()) - 3; at > 0; at -= 3)
    text.insert(static_cast<std::size_t>(at), ",");
  return text;
}

Progress::Progress(std::string unit, std::uint64_t total)
    : unit_(std::move(unit)),
      total_(total),
      start_(Clock::now()),
      drawn_(start_),
      enabled_(has_live_area()) {}

Progress::~Progress() { clear(); }

std::string Progress::line(std::uint64_t done, std::string_view detail) const {
  const double elapsed = std::chrono::duration<double>(Clock::now() - start_).count();
  const double rate = elapsed > 0 ? static_cast<double>(done) / elapsed : 0;
  std::string text(detail);
  if (!text.empty()) text += "  ";
  if (total_ > 0)
    text += fmt::format("{:3.0f}%  ", 100.0 * static_cast<double>(done) / static_cast<double>(total_));
  text += fmt::format("{} {}/s", format_count(static_cast<std::uint64_t>(rate)), unit_);
  if (total_ > done && rate > 0) {
    text += fmt::format("  ETA {}", format_duration(static_cast<double>(total_ - done) / rate));
  }
  return text;
}

void Progress::update(std::uint64_t done, std::string_view detail) {
  if (progress_requested()) print_message(line(done, detail));
  if (!enabled_) return;
  const auto now = Clock::now();
  if (now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  show_live(this, {cut_to_columns(line(done, detail), live_area_size().columns)});
  visible_ = true;
}

void Progress::clear() {
  if (visible_) clear_live(this);
  visible_ = false;
}

}  // namespace nn
