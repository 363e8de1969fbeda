// What ran where and when, and how long slots were idle.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "chart/axes.hpp"
#include "chart/picture.hpp"
#include "chart/timeline.hpp"

namespace nn::chart {
namespace {

constexpr double row = 26, top = 12;

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

struct Bar {
  double from, to;
  std::uint32_t trial;
};

// Those of one state. Bars that are as short as that, and follow each other so closely, are one; what is
// behind others is not drawn.
std::vector<Bar> bars_of(const SlotTime& slot, study::State state, const std::function<double(double)>& at,
                         double least, bool& merged) {
  constexpr double gap = 0.8, with_gap = 3, thinnest = 0.4;  // a gap shows where a bar is wide enough
  std::vector<Bar> bars;
  double until = -1;  // where the slot is drawn already, whatever the state
  for (const Stretch& stretch : slot.stretches) {
    const double begin = std::max(at(stretch.begin_s), until), end = at(stretch.end_s);
    if (end < until) continue;
    until = end;
    if (stretch.state != state) continue;
    const double length = std::max(end - begin > with_gap ? end - begin - gap : end - begin, thinnest);
    if (!bars.empty() && begin - bars.back().to < least && length < 3 * least) {
      bars.back().to = std::max(bars.back().to, begin + length);
      merged = true;
    } else {
      bars.push_back({begin, begin + length, stretch.trial});
    }
  }
  return bars;
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
  // Half a unit, or more where trials are more than can be drawn.
  constexpr double most_trials = 10'000;
  const double least = 0.5 * std::max(1.0, static_cast<double>(results.trials.size()) / most_trials);
  for (const double pause : timeline.cuts) svg.line("cut", at(pause), top - 6, at(pause), bottom);
  bool merged = false;
  for (const study::State state :
       {study::State::complete, study::State::pruned, study::State::failed, study::State::running}) {
    Dots dots;
    for (std::size_t s = 0; s < count; ++s) {
      const double y = top + row * static_cast<double>(s) + row / 2;
      for (const Bar& bar : bars_of(timeline.slots[s], state, at, least, merged))
        dots.add(bar.from, y, bar.trial, bar.to - bar.from);
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
  if (merged) picture.notes.push_back("Short trials that follow each other are drawn as one bar.");
  if (results.again > 0) {
    picture.notes.push_back(fmt::format(
        "Of {} the last attempt is drawn; slots were busy with earlier ones as well.",
        results.again == 1 ? "a trial that had several"
                           : fmt::format("{} trials that had several", with_commas(results.again))));
  }
  if (timeline.slots.size() > most_slots) {
    picture.notes.push_back(
        fmt::format("The first {} of {} slots are drawn.", most_slots, timeline.slots.size()));
  }
  return picture;
}

}  // namespace nn::chart
