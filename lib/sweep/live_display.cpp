#include "sweep/live_display.hpp"

#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <span>
#include <string_view>

#include "base/log.hpp"
#include "base/terminal.hpp"
#include "base/wait.hpp"

namespace nn::sweep {
namespace {

using namespace std::chrono_literals;

constexpr auto between_drawings = 100ms;
constexpr auto drawn_anew = 1s;  // also where nothing has changed: somebody may have printed

// A number with as many digits as a table has room for; other texts as they are.
std::string shortened(std::string text) {
  char* end = nullptr;
  const double value = std::strtod(text.c_str(), &end);
  constexpr std::size_t short_enough = 8;
  if (text.size() <= short_enough || *end != 0) return text;
  return fmt::format("{:.6g}", value);
}

bool is_terminal(int fd) { return ::isatty(fd) != 0; }

}  // namespace

int LiveDisplay::terminal() {
  if (verbosity() == Verbosity::quiet) return -1;
  return moves_cursor(STDERR_FILENO) ? STDERR_FILENO : moves_cursor(STDOUT_FILENO) ? STDOUT_FILENO : -1;
}

LiveDisplay::LiveDisplay(study::Study& study, const Plan& plan, Observation& lines, int terminal,
                         bool with_ends)
    : study_(study),
      plan_(plan),
      lines_(lines),
      terminal_(terminal),
      with_ends_(with_ends || !is_terminal(STDOUT_FILENO)),
      colour_(wants_colours()) {}

LiveDisplay::~LiveDisplay() { clear(); }

void LiveDisplay::ended(const study::Trial& trial, bool is_best) {
  if (!with_ends_) return;
  clear();
  lines_.ended(trial, is_best);
}
void LiveDisplay::failed(const study::Trial& trial, const std::string& tail) {
  clear();
  lines_.failed(trial, tail);
}
void LiveDisplay::paused(const study::Trial& trial) {
  if (!with_ends_) return;
  clear();
  lines_.paused(trial);
}
void LiveDisplay::said(const std::string& sentence) {
  clear();
  lines_.said(sentence);
}

Clock::duration LiveDisplay::look_every() const { return between_drawings; }

void LiveDisplay::look(const std::vector<SlotView>& slots, const RunResult& so_far) {
  // In the background the terminal is somebody else's.
  if (!flush() || ::tcgetpgrp(terminal_) != ::getpgrp()) return;
  draw(view_of(slots, so_far));
}

LiveView LiveDisplay::view_of(const std::vector<SlotView>& slots, const RunResult& so_far) const {
  const study::StudyLog& log = study_.log();
  const auto objectives = study_.objectives();
  LiveView view;
  view.slots = slots;
  view.wanted = plan_.trials;
  view.pruned = log.count(study::State::pruned);
  view.complete = log.finished() - std::min(log.finished(), view.pruned);
  view.failed = log.count(study::State::failed);
  view.objective = objectives[0].name;
  view.elapsed_s = so_far.elapsed_s;
  view.mean_s = so_far.mean_s;
  view.ending = so_far.reason;
  double busy_s = so_far.busy_s;
  for (const SlotView& slot : slots) {
    if (slot.trial) busy_s += slot.elapsed_s;
  }
  view.busy = so_far.slot_s > 0 ? std::min(1.0, busy_s / so_far.slot_s) : 0;
  for (const std::uint32_t number : log.running) view.paused += log.trials[number].paused ? 1 : 0;
  if (const study::Trial* best = log.best()) {
    view.best = LiveView::Best();
    view.best->trial = best->number;
    for (std::size_t o = 0; o < best->values.size(); ++o)
      view.best->values.emplace_back(objectives[o].name, best->values[o]);
    for (const study::TrialParameter& p : best->parameters)
      view.best->parameters.emplace_back(p.what->name, shortened(p.text()));
  }
  return view;
}

void LiveDisplay::draw(const LiveView& view) {
  const TerminalSize size = terminal_size(terminal_);
  // The last column is left free: terminals wrap there. So are a line in front of it, and one behind.
  const std::size_t width = std::max<std::size_t>(size.columns, 2) - 1,
                    height = std::max<std::size_t>(size.rows, 3) - 2;
  const std::vector<std::string> lines = table_lines(view, width, height, colour_);
  std::string frame = "\r\x1b[K\r\n";
  for (const std::string& line : lines) frame += line + "\x1b[K\r\n";
  frame += fmt::format("\x1b[J\x1b[{}A", lines.size() + 1);
  const auto now = std::chrono::steady_clock::now();
  if (frame == drawn_ && now - drawn_at_ < drawn_anew) return;
  drawn_ = frame;
  drawn_at_ = now;
  unsent_ += frame;
  flush();
}

void LiveDisplay::clear() {
  if (std::exchange(drawn_, {}).empty()) return;
  unsent_ += "\r\x1b[J";
  flush();
}

// False while the terminal takes no more: it is stopped (^S), or slow.
bool LiveDisplay::flush() {
  while (!unsent_.empty()) {
    const struct iovec piece { unsent_.data(), unsent_.size() };
    const ssize_t written = write_now(terminal_, std::span(&piece, 1));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;  // or it is gone
    unsent_.erase(0, static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace nn::sweep
