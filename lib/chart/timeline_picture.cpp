// What ran where and when, and how long slots were idle.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "chart/axes.hpp"
#include "chart/picture.hpp"
#include "chart/timeline.hpp"

namespace nn::chart {
namespace {

constexpr double row = 26, bar = 14, top = 12;

struct TimeUnit {
  double seconds;
  const char* name;
};
TimeUnit unit_of(double seconds) {
  if (seconds > 2 * 86400) return {86400, "days"};
  if (seconds > 2 * 3600) return {3600, "hours"};
  if (seconds > 3 * 60) return {60, "minutes"};
  return {1, "seconds"};
}

const char* class_of(study::State state) {
  switch (state) {
    case study::State::complete: return "span complete";
    case study::State::pruned: return "span pruned";
    case study::State::failed: return "span failed";
    default: return "span running";
  }
}

}  // namespace

Picture timeline_picture(const Results& results) {
  Picture picture{.section = Section::timeline, .title = "Timeline"};
  const Timeline timeline = timeline_of(results);
  if (timeline.slots.empty() || !(timeline.seconds > 0)) {
    picture.lacking = "It takes trials that began and ended at different times.";
    return picture;
  }
  const std::size_t count = std::min(timeline.slots.size(), most_slots);
  double label = 40;
  for (std::size_t s = 0; s < count; ++s)
    label = std::max(label, text_width(timeline.slots[s].name, font_size));
  label = std::min(label + 12, 180.0);
  const double right = wide - 84, bottom = top + row * static_cast<double>(count);
  Panel panel{.width = wide, .height = bottom + 42, .title = "What ran on each slot, by time", .body = {}};
  Svg svg;
  const TimeUnit unit = unit_of(timeline.seconds);
  const Scale x(Scale::Is::linear, 0, timeline.seconds / unit.seconds, label, right);
  const auto at = [&](double seconds) { return std::clamp(x(seconds / unit.seconds), label, right); };
  for (const Tick& tick : x.ticks(10)) {
    svg.line("grid", x(tick.value), top - 4, x(tick.value), bottom);
    svg.text("tick", x(tick.value), bottom + 15, tick.label, Anchor::middle);
  }
  svg.text(
      "label", (label + right) / 2, bottom + 34,
      fmt::format("{}{}", unit.name, timeline.pauses > 0 ? " of running" : " since the first trial began"),
      Anchor::middle);
  for (const double pause : timeline.cuts) svg.line("cut", at(pause), top - 6, at(pause), bottom);
  std::size_t merged = 0;
  for (const study::State state :
       {study::State::complete, study::State::pruned, study::State::failed, study::State::running}) {
    Dots dots;
    for (std::size_t s = 0; s < count; ++s) {
      const double y = top + row * static_cast<double>(s) + row / 2;
      // What would be less than half a unit apart from the one before becomes one bar with it.
      double from = -1, to = -1;
      std::uint32_t number = 0;
      const auto end = [&] {
        if (from >= 0) dots.add(from, y, number, std::max(to - from, 0.4));
      };
      for (const Stretch& stretch : timeline.slots[s].stretches) {
        if (stretch.state != state) continue;
        const double begin = at(stretch.begin_s);
        // A gap shows between two bars, where they are wide enough.
        double last = at(stretch.end_s);
        if (last - begin > 3) last -= 0.8;
        if (from >= 0 && begin - to < 0.5 && last - begin < 1.5) {
          to = std::max(to, last);
          ++merged;
          continue;
        }
        end();
        from = begin;
        to = last;
        number = stretch.trial;
      }
      end();
    }
    dots.draw(svg, class_of(state));
  }
  for (std::size_t s = 0; s < count; ++s) {
    const double y = top + row * static_cast<double>(s) + row / 2 + 4;
    svg.text("name", label - 9, y, timeline.slots[s].name, Anchor::end, label - 12);
    svg.text("tick", right + 10, y, fmt::format("{:.1f} % busy", timeline.slots[s].busy * 100));
  }
  panel.body = svg.take();
  picture.panels.push_back(std::move(panel));
  picture.notes.push_back(fmt::format("Slots were busy for {:.1f} % of {}, and idle for {:.1f} %.",
                                      timeline.busy * 100, duration_text(timeline.seconds),
                                      (1 - timeline.busy) * 100));
  if (timeline.pauses > 0) {
    picture.notes.push_back(fmt::format(
        "{}, when nothing ran, {} cut out at the dashed {}.",
        timeline.pauses == 1
            ? fmt::format("A pause of {}", duration_text(timeline.pause_seconds))
            : fmt::format("{} pauses of {} together", timeline.pauses, duration_text(timeline.pause_seconds)),
        timeline.pauses == 1 ? "is" : "are", timeline.pauses == 1 ? "line" : "lines"));
  }
  if (merged > 0) picture.notes.push_back("Short trials that follow each other are drawn as one bar.");
  if (timeline.slots.size() > most_slots) {
    picture.notes.push_back(
        fmt::format("The first {} of {} slots are drawn.", most_slots, timeline.slots.size()));
  }
  return picture;
}

}  // namespace nn::chart
