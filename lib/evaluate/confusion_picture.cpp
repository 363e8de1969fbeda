#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "chart/svg.hpp"
#include "evaluate/pictures.hpp"

namespace nn::evaluate {
namespace {

using chart::Anchor;
using chart::Svg;

std::int64_t count_of(const Results& results, std::size_t truth, std::size_t answer) {
  return results.classes.confusion[truth * results.names.size() + answer];
}

// Places of classes, in their order; of many those that take part in most mistakes.
std::vector<std::size_t> shown_classes(const Results& results) {
  const std::size_t classes = results.names.size();
  std::vector<std::size_t> shown(classes);
  std::iota(shown.begin(), shown.end(), std::size_t{0});
  if (classes <= most_cells) return shown;
  std::vector<std::int64_t> mistakes(classes);
  for (std::size_t truth = 0; truth < classes; ++truth) {
    for (std::size_t answer = 0; answer < classes; ++answer) {
      if (truth == answer) continue;
      mistakes[truth] += count_of(results, truth, answer);
      mistakes[answer] += count_of(results, truth, answer);
    }
  }
  std::stable_sort(shown.begin(), shown.end(),
                   [&](std::size_t a, std::size_t b) { return mistakes[a] > mistakes[b]; });
  shown.resize(most_cells);
  std::sort(shown.begin(), shown.end());
  return shown;
}

// One of eight steps.
int step_of(double share) { return std::clamp(static_cast<int>(std::ceil(share * 7)), 0, 7); }

void draw_answer_names(Svg& svg, const Results& results, const std::vector<std::size_t>& shown, double left,
                       double top, double cell) {
  const bool fits = std::all_of(shown.begin(), shown.end(), [&](std::size_t c) {
    return chart::text_width(results.names[c], chart::font_size) < cell - 4;
  });
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const double middle = left + (static_cast<double>(i) + 0.5) * cell;
    if (fits) {
      svg.text("tick", middle, top - 7, results.names[shown[i]], Anchor::middle);
      continue;
    }
    const std::string name = chart::fitted(results.names[shown[i]], 84, chart::font_size);
    svg.raw(fmt::format("<text class=\"tick\" transform=\"translate({} {}) rotate(-90)\">{}</text>",
                        Svg::number(middle + 4), Svg::number(top - 6), chart::escaped(name)));
  }
}

chart::Panel matrix(const Results& results, const std::vector<std::size_t>& shown) {
  double left = 30, longest = 0;
  for (const std::size_t c : shown)
    longest = std::max(longest, chart::text_width(results.names[c], chart::font_size));
  left = std::clamp(longest + 12, left, 110.0);
  const auto count = static_cast<double>(shown.size());
  const double cell = std::min((panel_width - left - 2) / count, 96.0);
  const bool upright = longest < cell - 4;
  const double top = 20 + (upright ? 20 : std::min(longest, 84.0) + 10);
  Svg svg;
  svg.text("label", left, 12, "answer");
  svg.text("label", 0, upright ? top - 7 : 12, "y");
  draw_answer_names(svg, results, shown, left, top, cell);
  for (std::size_t row = 0; row < shown.size(); ++row) {
    const double y = top + static_cast<double>(row) * cell;
    svg.text("tick", left - 7, y + cell / 2 + 4, results.names[shown[row]], Anchor::end, left - 10);
    const auto support = static_cast<double>(results.classes.classes[shown[row]].support);
    for (std::size_t column = 0; column < shown.size(); ++column) {
      const std::int64_t rows = count_of(results, shown[row], shown[column]);
      const int step = step_of(support > 0 ? static_cast<double>(rows) / support : 0);
      const double x = left + static_cast<double>(column) * cell;
      svg.rect(fmt::format("q{}", step), x + 0.5, y + 0.5, cell - 1, cell - 1);
      const std::string text = std::to_string(rows);
      if (rows > 0 && cell >= 14 && chart::text_width(text, chart::font_size) < cell - 2)
        svg.text(step >= 5 ? "on-dark" : "on-light", x + cell / 2, y + cell / 2 + 4, text, Anchor::middle);
    }
  }
  return {panel_width, top + count * cell + 4,
          "Confusion matrix: a line for each class of y, a column for each answer", svg.take()};
}

std::string pairs_table(const Results& results) {
  const auto pairs = most_confused(results, most_pairs);
  if (pairs.empty()) return "<p>No class is taken for another.</p>";
  std::string out =
      "<table><caption>Most confused</caption><thead><tr><th scope=\"col\" class=\"text\">y</th>"
      "<th scope=\"col\" class=\"text\">answer</th><th scope=\"col\">rows</th><th scope=\"col\">of "
      "y</th></tr></thead><tbody>";
  for (const ConfusedPair& pair : pairs) {
    out += fmt::format(
        "<tr><td class=\"text\">{}</td><td class=\"text\">{}</td><td>{}</td><td>{:.1f} %</td></tr>",
        chart::escaped(results.names[pair.truth]), chart::escaped(results.names[pair.answer]),
        chart::with_commas(static_cast<std::size_t>(pair.rows)), pair.share * 100);
  }
  return out + "</tbody></table>";
}

}  // namespace

std::vector<ConfusedPair> most_confused(const Results& results, std::size_t most) {
  const std::size_t classes = results.names.size();
  std::vector<ConfusedPair> pairs;
  for (std::size_t truth = 0; truth < classes; ++truth) {
    for (std::size_t answer = 0; answer < classes; ++answer) {
      const std::int64_t rows = truth == answer ? 0 : count_of(results, truth, answer);
      const auto support = static_cast<double>(results.classes.classes[truth].support);
      if (rows > 0) pairs.push_back({truth, answer, rows, static_cast<double>(rows) / support});
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const ConfusedPair& a, const ConfusedPair& b) { return a.rows > b.rows; });
  pairs.resize(std::min(pairs.size(), most));
  return pairs;
}

ReportPicture confusion_picture(const Results& results) {
  const auto shown = shown_classes(results);
  ReportPicture picture{.id = "confusion", .title = "Confusion", .wide = true};
  picture.panels.push_back(matrix(results, shown));
  picture.table = pairs_table(results);
  picture.notes.emplace_back(
      "A line is a class of y, a column an answer; the stronger a colour, the more of its line.");
  if (shown.size() < results.names.size())
    picture.notes.push_back(fmt::format("The {} of {} classes with most mistakes are drawn.", shown.size(),
                                        results.names.size()));
  return picture;
}

}  // namespace nn::evaluate
