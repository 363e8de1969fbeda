// Two objectives against each other, and the front that no trial beats.
#include <fmt/format.h>

#include <algorithm>

#include "chart/axes.hpp"
#include "chart/picture.hpp"

namespace nn::chart {
namespace {

Panel panel_of(const Results& results, std::size_t gx, std::size_t gy, double width, Picture& picture) {
  Panel panel{.width = width,
              .height = 300,
              .title = fmt::format("{} against {}", results.goals[gy].name, results.goals[gx].name),
              .body = {}};
  std::vector<std::size_t> all;
  std::vector<double> xs, ys;
  for (std::size_t t = 0; t < results.trials.size(); ++t) {
    if (!results.trials[t].counts()) continue;
    all.push_back(t);
    xs.push_back(results.trials[t].values[gx]);
    ys.push_back(results.trials[t].values[gy]);
  }
  const Axis x = axis_of(results.goals[gx], xs), y = axis_of(results.goals[gy], ys);
  Svg svg;
  const Frame frame(svg, panel.width, panel.height, x, y);
  std::vector<std::size_t> front = results.front;
  std::stable_sort(front.begin(), front.end(), [&](std::size_t a, std::size_t b) {
    return results.trials[a].values[gx] < results.trials[b].values[gx];
  });
  const auto is_front = [&](std::size_t t) {
    return std::binary_search(results.front.begin(), results.front.end(), t);
  };
  Dots others, best;
  const auto drawn = thinned(all.size(), {}, most_dots);
  for (const std::size_t place : drawn) {
    const Result& trial = results.trials[all[place]];
    if (!is_front(all[place])) others.add(frame.x(trial.values[gx]), frame.y(trial.values[gy]), trial.number);
  }
  Path line;
  double last = 0;
  for (std::size_t i = 0; i < front.size(); ++i) {
    const Result& trial = results.trials[front[i]];
    const double px = frame.x(trial.values[gx]), py = frame.y(trial.values[gy]);
    if (i < most_dots) best.add(px, py, trial.number);
    if (i == 0) {
      line.move(px, py);
    } else if (i < most_dots) {
      // The corner is where both are worse: what is behind it is beaten.
      if (results.goals[gx].maximize) {
        line.line(last, py);
      } else {
        line.line(px, last);
      }
      line.line(px, py);
    }
    last = results.goals[gx].maximize ? px : py;
  }
  others.draw(svg, "dot complete faint");
  // With more objectives the front isn't a line in any two of them.
  if (results.goals.size() == 2) svg.path("best line thin", line.d());
  best.draw(svg, "dot front");
  frame.draw_title(svg, draw_legend(svg, panel.width - 12, {{"dot front", "not dominated"}}));
  panel.body = svg.take();
  if (const std::string note = thinning_note(drawn.size(), all.size()); !note.empty() && gx == 0 && gy == 1) {
    picture.notes.push_back(note);
  }
  for (const Axis& axis : {x, y}) {
    if (const std::string note = note_of(axis); !note.empty()) picture.notes.push_back(note);
  }
  return panel;
}

}  // namespace

Picture pareto_picture(const Results& results, double width) {
  Picture picture{.section = Section::pareto, .title = "Pareto front"};
  if (results.goals.size() < 2) {
    picture.lacking = "It takes two objectives.";
    return picture;
  }
  if (results.front.empty()) {
    picture.lacking = "It takes a complete trial that keeps its constraints.";
    return picture;
  }
  const std::size_t goals = std::min(results.goals.size(), most_goals);
  for (std::size_t gx = 0; gx < goals; ++gx) {
    for (std::size_t gy = gx + 1; gy < goals; ++gy)
      picture.panels.push_back(panel_of(results, gx, gy, width, picture));
  }
  picture.notes.insert(picture.notes.begin(),
                       fmt::format("{} of {} trials are not dominated.", with_commas(results.front.size()),
                                   with_commas(results.ranked(0).size())));
  return picture;
}

}  // namespace nn::chart
