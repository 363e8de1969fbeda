// nn-sweep plot: a study as pictures.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/enum_names.hpp"
#include "chart/picture.hpp"
#include "options/option.hpp"
#include "study/study.hpp"

namespace nn::chart {

enum class Format : std::uint8_t { html, svg, text };
const EnumNames<Format>& enum_names(Format);

struct PlotOptions {
  std::string output = "-";  // where it goes, whose ending may say the format
  std::optional<Format> format;
  std::set<Section> only;  // empty: all
  std::size_t width = 80;  // of text, in columns
};

options::List option_list(PlotOptions& options);

// The format that is meant: as it was said, or by the ending of the output (.svg, .txt, .html and all else),
// or of the standard output text where that is a terminal.
Format format_of(const PlotOptions& options, bool to_terminal);

// Words with commas between, of Section. Usage error for others.
void add_sections(std::set<Section>& sections, std::string_view text);

// The whole file. `command_of` as for results_of(). Usage error where only the table is wanted as SVG.
std::string plot(study::Study& study, const PlotOptions& options, Format format,
                 const std::function<std::string(std::uint32_t)>& command_of);

}  // namespace nn::chart
