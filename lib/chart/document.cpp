#include "chart/document.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "chart/page_files.hpp"
#include "chart/svg.hpp"

namespace nn::chart {
namespace {

constexpr double margin = 20, gap = 16, line = 17;

// Lines of at most `width`.
std::vector<std::string> wrapped(const std::string& text, double width) {
  std::vector<std::string> lines;
  std::string current;
  for (const std::string& word : split(text, ' ')) {
    if (!current.empty() && text_width(current + ' ' + word, font_size) > width)
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

}  // namespace

std::string inline_svg(const Panel& panel) {
  return fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">{}</svg>",
                     Svg::number(panel.width), Svg::number(panel.height), escaped(panel.title), panel.body);
}

std::string svg_document(const std::string& title, const std::vector<Picture>& pictures) {
  double width = half;
  for (const Picture& picture : pictures) {
    double row = 0;
    for (const Panel& panel : picture.panels) row += panel.width + gap;
    width = std::max(width, std::min(row - gap, wide));
  }
  Svg svg;
  double y = margin;
  for (const Picture& picture : pictures) {
    svg.text("heading", margin, y + 14, picture.title);
    y += 28;
    double x = 0, high = 0;
    std::string body;
    for (const Panel& panel : picture.panels) {
      if (x > 0 && x + panel.width > width + 0.5) {
        y += high + gap;
        x = high = 0;
      }
      svg.open_group("panel", fmt::format("transform=\"translate({} {})\" role=\"img\" aria-label=\"{}\"",
                                          Svg::number(margin + x), Svg::number(y), escaped(panel.title)));
      svg.raw(panel.body);
      svg.close_group();
      x += panel.width + gap;
      high = std::max(high, panel.height);
    }
    y += high;
    const std::string notes =
        picture.lacking.empty() ? notes_of(picture) : "Nothing to draw: " + picture.lacking;
    for (const std::string& text : wrapped(notes, width)) {
      y += line;
      svg.text("note", margin, y, text);
    }
    y += margin * 1.5;
  }
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
      "role=\"img\">\n"
      "<title>{2}</title>\n<desc>{3}</desc>\n<style>{4}</style>\n<rect class=\"paper\" width=\"{0}\" "
      "height=\"{1}\"/>\n{5}\n</svg>\n",
      Svg::number(width + 2 * margin), Svg::number(y), escaped(title),
      escaped(fmt::format("{} picture{} of a search for parameters", pictures.size(),
                          pictures.size() == 1 ? "" : "s")),
      picture_css, svg.take());
}

}  // namespace nn::chart
