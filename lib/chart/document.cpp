#include "chart/document.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "chart/page_files.hpp"
#include "chart/svg.hpp"

namespace nn::chart {
namespace {

constexpr double margin = 20, gap = 16, line = 17, heading = 28;

// Lines of at most `width`.
std::vector<std::string> wrapped(const std::string& text, double width) {
  std::vector<std::string> lines;
  std::string current;
  for (const std::string& word : split(text, ' ')) {
    if (!current.empty() && text_width(fmt::format("{} {}", current, word), font_size) > width)
      lines.push_back(std::exchange(current, ""));
    current += (current.empty() ? "" : " ") + word;
  }
  if (!current.empty()) lines.push_back(current);
  return lines;
}

std::string notes_of(const Picture& picture) {
  std::string notes;
  for (const std::string& note : picture.notes) notes += (notes.empty() ? "" : " ") + note;
  return notes;
}

// A picture with its title above and its notes below.
struct Block {
  explicit Block(const Picture& picture) {
    double row = 0;
    for (const Panel& panel : picture.panels) row += panel.width + (row > 0 ? gap : 0);
    width = std::max(half, std::min(row, wide));
    notes =
        wrapped(picture.lacking.empty() ? notes_of(picture) : "Nothing to draw: " + picture.lacking, width);
    height = heading + static_cast<double>(notes.size()) * line;
    each(picture, [&](const Panel& panel, double, double y) { panels = std::max(panels, y + panel.height); });
    height += panels;
  }

  // Panels in rows: what to do with each, and where in the block.
  template <typename Do>
  void each(const Picture& picture, Do what) const {
    double x = 0, y = 0, high = 0;
    for (const Panel& panel : picture.panels) {
      if (x > 0 && x + panel.width > width + 0.5) {
        y += high + gap;
        x = high = 0;
      }
      what(panel, x, y);
      x += panel.width + gap;
      high = std::max(high, panel.height);
    }
  }

  void draw(Svg& svg, const Picture& picture, double left, double top) const {
    svg.text("heading", left, top + 14, picture.title);
    each(picture, [&](const Panel& panel, double x, double y) {
      svg.open_group(
          "panel", fmt::format("transform=\"translate({} {})\" role=\"img\" aria-label=\"{}\"",
                               Svg::number(left + x), Svg::number(top + heading + y), escaped(panel.title)));
      svg.raw(panel.body);
      svg.close_group();
    });
    double y = top + heading + panels;
    for (const std::string& text : notes) svg.text("note", left, y += line, text);
  }

  double width = half, height = 0, panels = 0;
  std::vector<std::string> notes;
};

}  // namespace

std::string inline_svg(const Panel& panel) {
  return fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">{}</svg>",
                     Svg::number(panel.width), Svg::number(panel.height), escaped(panel.title), panel.body);
}

std::string svg_document(const std::string& title, const std::vector<Picture>& pictures,
                         std::string_view subject) {
  Svg svg;
  double x = margin, y = margin, below = margin, right = half;
  for (const Picture& picture : pictures) {
    // What is narrow stands beside what was before, where there is room.
    const Block block(picture);
    if (x > margin && x + block.width > margin + wide + 0.5) {
      x = margin;
      y = below;
    }
    block.draw(svg, picture, x, y);
    right = std::max(right, x - margin + block.width);
    below = std::max(below, y + block.height + margin);
    x += block.width + margin;
  }
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "role=\"img\">\n"
      "<title>{2}</title>\n<desc>{3}</desc>\n<style>{4}</style>\n<rect class=\"paper\" width=\"{0}\" "
      "height=\"{1}\"/>\n{5}\n</svg>\n",
      Svg::number(right + 2 * margin), Svg::number(below), escaped(title),
      escaped(fmt::format("{} picture{} of {}", pictures.size(), pictures.size() == 1 ? "" : "s", subject)),
      picture_css, svg.take());
}

}  // namespace nn::chart
