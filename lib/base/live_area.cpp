#include "base/live_area.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <span>
#include <utility>

#include "base/log.hpp"
#include "base/wait.hpp"

namespace nn {
namespace {

constexpr std::string_view erase = "\r\x1b[J";  // from the area's first line on, where the cursor is

std::mutex area_mutex;
// What draws the area as it is, and leaves the cursor at its beginning; empty: there is none.
std::string area_frame;
const void* area_owner = nullptr;
std::size_t area_columns = 0;  // of the terminal, when it was drawn

std::string frame_of(const std::vector<std::string>& lines) {
  std::string frame = "\r";
  for (std::size_t i = 0; i < lines.size(); ++i) frame += (i == 0 ? "" : "\r\n") + lines[i] + "\x1b[K";
  frame += "\x1b[J";
  if (lines.size() > 1) frame += fmt::format("\x1b[{}A", lines.size() - 1);
  return frame + "\r";
}

bool is_anothers() {
  const pid_t group = ::tcgetpgrp(STDERR_FILENO);
  return group > 0 && group != ::getpgrp();
}

void draw(std::string_view text) {
  struct iovec piece {
    const_cast<char*>(text.data()), text.size()
  };
  std::span<struct iovec> left(&piece, 1);
  try {
    write_until(STDERR_FILENO, left, "standard error", {-1, WaitEnd::Clock::time_point()});
  } catch (...) {  // nobody looks any more
  }
}

}  // namespace

bool has_live_area() { return verbosity() != Verbosity::quiet && moves_cursor(STDERR_FILENO); }

TerminalSize live_area_size() {
  TerminalSize size = terminal_size(STDERR_FILENO);
  if (size.columns > 1) --size.columns;
  if (size.rows > 1) --size.rows;
  return size;
}

void show_live(const void* owner, const std::vector<std::string>& lines) {
  if (lines.empty()) return clear_live(owner);
  if (!has_live_area() || is_anothers()) return;
  // A message that waits for a stopped terminal has the lock.
  const std::unique_lock lock(area_mutex, std::try_to_lock);
  if (!lock) return;
  // A terminal that has changed its width has wrapped the lines anew, or joined them.
  const std::size_t columns = terminal_size(STDERR_FILENO).columns;
  const bool is_anew = std::exchange(area_columns, columns) != columns;
  area_frame = frame_of(lines);
  area_owner = owner;
  draw(is_anew ? std::string(erase) + area_frame : area_frame);
}

void clear_live(const void* owner) {
  const std::scoped_lock lock(area_mutex);
  if (area_owner != owner || area_frame.empty()) return;
  area_frame.clear();
  area_owner = nullptr;
  if (!is_anothers()) draw(erase);
}

LivePause::LivePause() : lock_(area_mutex) {
  // In the background a message is only that.
  if (area_frame.empty() || is_anothers()) {
    lock_.unlock();
    return;
  }
  before_ = erase;
  after_ = area_frame;
}

}  // namespace nn
