#include "sweep/live_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/log.hpp"
#include "base/terminal.hpp"
#include "base/text.hpp"

namespace nn::sweep {
namespace {

constexpr std::size_t bar_width = 20, least_width_for_bar = 60;

std::string short_number(double value) { return fmt::format("{:.6g}", value); }

std::string summary(const LiveView& view, std::size_t width, bool colour) {
  const std::size_t finished = view.complete + view.pruned;
  const bool limited = view.wanted != SIZE_MAX;
  LineOfParts line(width, colour);
  if (limited && width >= least_width_for_bar) {
    const double share =
        view.wanted == 0 ? 1.0
                         : std::min(1.0, static_cast<double>(finished) / static_cast<double>(view.wanted));
    const auto full = static_cast<std::size_t>(share * static_cast<double>(bar_width));
    line.add('[' + std::string(full, '#') + std::string(bar_width - full, '.') + ']');
  }
  line.add(
      limited ? fmt::format("{}/{} finished", finished, view.wanted) : fmt::format("{} finished", finished),
      LineOfParts::bold);
  if (view.failed > 0) line.add(fmt::format("{} failed", view.failed), LineOfParts::red);
  if (const auto left = time_left(view)) line.add("ETA " + format_duration(*left));
  if (view.pruned > 0) line.add(fmt::format("{} pruned", view.pruned));
  if (view.paused > 0) line.add(fmt::format("{} paused", view.paused));
  line.add(format_duration(view.elapsed_s));
  line.add(fmt::format("slots busy {:.0f}%", 100 * view.busy));
  return line.text();
}

std::string best_line(const LiveView& view, std::size_t width, bool colour) {
  LineOfParts line(width, colour);
  if (!view.best) {
    line.add("best: none yet");
    return line.text();
  }
  std::string head = fmt::format("best: trial {}", view.best->trial);
  for (const auto& [name, value] : view.best->values)
    head += fmt::format("  {}={}", name, short_number(value));
  if (!line.add(head, LineOfParts::green)) line.add(cut_to_columns(head, width), LineOfParts::green);
  for (std::size_t i = 0; i < view.best->parameters.size(); ++i) {
    const auto& [name, text] = view.best->parameters[i];
    const std::string part = fmt::format("{}={}", name, printable(text));
    const bool is_last = i + 1 == view.best->parameters.size();
    // Room for "…", unless nothing follows.
    if (line.left() < display_columns(part) + (is_last ? 0 : 3) || !line.add(part)) {
      line.add("…");
      break;
    }
  }
  return line.text();
}

using Row = std::array<std::string, 5>;

Row row_of(const SlotView& slot) {
  Row row{slot.name, "", "", "", ""};
  if (!slot.trial) {
    row[1] = slot.state.empty() ? "free" : slot.state;
    return row;
  }
  row[1] = fmt::format("trial {}", *slot.trial);
  row[2] = format_duration(slot.elapsed_s);
  if (slot.value) row[3] = short_number(*slot.value);
  if (slot.step) row[4] = fmt::format("step {}", *slot.step);
  if (!slot.state.empty()) row[4] += (row[4].empty() ? "" : ", ") + slot.state;
  return row;
}

// Columns as wide as what is in them; those at the right are left out where they don't fit.
std::vector<std::string> slot_rows(const LiveView& view, std::size_t shown, std::size_t width) {
  std::vector<Row> rows;
  for (std::size_t i = 0; i < shown; ++i) rows.push_back(row_of(view.slots[i]));
  std::array<std::size_t, std::tuple_size_v<Row>> widths{};
  for (const Row& row : rows) {
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], display_columns(row[c]));
  }
  // Names of hosts may be long.
  widths[0] = std::min(widths[0], std::max<std::size_t>(width / 3, 8));
  std::vector<std::string> lines;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t c = 0, at = 0; c < row.size() && widths[c] > 0; ++c) {
      if (at + widths[c] > width) break;
      const std::string text = cut_to_columns(row[c], widths[c]);
      const std::string space(widths[c] - display_columns(text), ' ');
      const bool is_number = c == 2 || c == 3;
      line += (is_number ? space + text : text + space) + "  ";
      at += widths[c] + 2;
    }
    line.resize(line.find_last_not_of(' ') + 1);
    lines.push_back(cut_to_columns(line, width));
  }
  return lines;
}

}  // namespace

std::optional<double> time_left(const LiveView& view) {
  const auto open = static_cast<double>(std::count_if(
      view.slots.begin(), view.slots.end(), [](const SlotView& s) { return s.trial || s.state.empty(); }));
  if (view.wanted == SIZE_MAX || !view.ending.empty() || std::isnan(view.mean_s) || open == 0)
    return std::nullopt;
  const std::size_t finished = std::min(view.complete + view.pruned, view.wanted);
  // What runs has been paid for in part.
  double work = static_cast<double>(view.wanted - finished) * view.mean_s;
  for (const SlotView& slot : view.slots) {
    if (slot.trial) work -= std::min(slot.elapsed_s, view.mean_s);
  }
  return std::max(0.0, work / open);
}

std::vector<std::string> table_lines(const LiveView& view, std::size_t width, std::size_t height,
                                     bool colour) {
  std::vector<std::string> lines;
  const auto add = [&](std::string line) {
    if (lines.size() < height) lines.push_back(std::move(line));
  };
  add(summary(view, width, colour));
  add(best_line(view, width, colour));
  if (!view.ending.empty())
    add(cut_to_columns("no trial begins any more: " + printable(view.ending, 200), width));
  const std::size_t room = height - lines.size();
  if (room == 0 || view.slots.empty()) return lines;
  const bool all = view.slots.size() <= room;
  const std::size_t shown = all ? view.slots.size() : room - 1;
  for (std::string& line : slot_rows(view, shown, width)) add(std::move(line));
  if (!all) {
    const auto busy = std::count_if(view.slots.begin() + static_cast<std::ptrdiff_t>(shown), view.slots.end(),
                                    [](const SlotView& s) { return s.trial.has_value(); });
    add(cut_to_columns(fmt::format("… {} more slots, {} of them busy", view.slots.size() - shown, busy),
                       width));
  }
  return lines;
}

}  // namespace nn::sweep
