// Pictures as one file of SVG.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chart/picture.hpp"

namespace nn::chart {

// A panel by itself, for a page that has the style sheet.
std::string inline_svg(const Panel& panel);
// All of them below each other, with titles and notes, and the style sheet in it. What lacks something says
// so. `subject` is what they are of.
std::string svg_document(const std::string& title, const std::vector<Picture>& pictures,
                         std::string_view subject = "a search for parameters");

}  // namespace nn::chart
