// How much each parameter matters, as bars.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "chart/axes.hpp"
#include "chart/picture.hpp"

namespace nn::chart {
namespace {

Panel panel_of(const Results& results, std::size_t goal, double width, Picture& picture) {
  std::vector<std::size_t> order(results.dimensions.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return results.dimensions[a].importance[goal] > results.dimensions[b].importance[goal];
  });
  if (order.size() > most_bars) {
    order.resize(most_bars);
    if (goal == 0) {
      picture.notes.push_back(fmt::format("The {} most important of {} parameters are drawn.", most_bars,
                                          results.dimensions.size()));
    }
  }
  double label = 40;
  for (const std::size_t d : order)
    label = std::max(label, text_width(results.dimensions[d].name, font_size));
  label = std::min(label + 10, 190.0);
  constexpr double value_room = 52, top = 32;
  // Few bars take what room there is beside the other pictures.
  const double line = std::clamp(250 / static_cast<double>(order.size()), 26.0, 40.0),
               bar = std::round(line * 0.55);
  const double least = results.goals.size() == 1 ? 300 : 0;  // as high as the picture beside it
  Panel panel{.width = width,
              .height = std::max(least, top + line * static_cast<double>(order.size()) + 8),
              .title = fmt::format("Importance of parameters for {}", results.goals[goal].name),
              .body = {}};
  Svg svg;
  svg.text("label", 0, 14, fmt::format("share of what decides about {}", results.goals[goal].name),
           Anchor::start, width - 10);
  const double most = results.dimensions[order[0]].importance[goal];
  const double room = width - label - value_room;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Dimension& dimension = results.dimensions[order[i]];
    const double share = dimension.importance[goal], y = top + line * static_cast<double>(i);
    svg.text("name", label - 8, y + bar / 2 + 4, dimension.name, Anchor::end, label - 10);
    const double length = std::max(room * share / most, 1.5);
    svg.rect("bar", label, y, length, bar, "rx=\"2\"");
    svg.text("tick", label + length + 7, y + bar / 2 + 4, fmt::format("{:.1f} %", share * 100));
  }
  svg.line("axis", label, top - 6, label, top + line * static_cast<double>(order.size()) - 6);
  panel.body = svg.take();
  return panel;
}

}  // namespace

Picture importance_picture(const Results& results, double width) {
  Picture picture{.section = Section::importance, .title = "Importance"};
  const std::size_t known = results.ranked(0).size();
  for (std::size_t g = 0; g < std::min(results.goals.size(), most_goals); ++g) {
    const bool any = std::any_of(results.dimensions.begin(), results.dimensions.end(),
                                 [&](const Dimension& d) { return d.importance[g] > 0; });
    if (any) picture.panels.push_back(panel_of(results, g, width, picture));
  }
  if (picture.panels.empty()) {
    picture.lacking = "It takes some complete trials, of which some are better than others.";
    return picture;
  }
  picture.notes.push_back(fmt::format("PED-ANOVA, of {} complete trials{}.", with_commas(known),
                                      known < 30 ? "; with so few it says little" : ""));
  return picture;
}

}  // namespace nn::chart
