#include "chart/plot.hpp"

#include <vector>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "chart/document.hpp"
#include "chart/page.hpp"
#include "chart/text.hpp"

namespace nn::chart {

const EnumNames<Format>& enum_names(Format) {
  static constexpr EnumName<Format> table[] = {
      {Format::html, "html"}, {Format::svg, "svg"}, {Format::text, "text"}};
  static constexpr EnumNames<Format> names{"a format of pictures", table};
  return names;
}

Format format_of(const PlotOptions& options, bool to_terminal) {
  if (options.format) return *options.format;
  if (options.output == "-") return to_terminal ? Format::text : Format::html;
  if (options.output.ends_with(".svg")) return Format::svg;
  return options.output.ends_with(".txt") ? Format::text : Format::html;
}

void add_sections(std::set<Section>& sections, std::string_view text) {
  for (const std::string& word : split(text, ',')) sections.insert(enum_names(Section{}).parse(trim(word)));
}

std::string plot(study::Study& study, const PlotOptions& options, Format format,
                 const std::function<std::string(std::uint32_t)>& command_of) {
  if (format == Format::svg && options.only == std::set{Section::table}) {
    fail_usage("the table can't be drawn as SVG: there it is nothing but HTML or text");
  }
  if (format == Format::svg && options.only.contains(Section::table))
    warn("the table is no picture: SVG is without it");
  const Results results = results_of(study, command_of);
  if (format == Format::html) return page(results, options.only);
  if (format == Format::text) return text(results, options.width, options.only);
  std::vector<Picture> pictures;
  for (const std::string_view name : enum_names(Section{}).list()) {
    const Section section = enum_names(Section{}).parse(name);
    if (section == Section::table || (!options.only.empty() && !options.only.contains(section))) continue;
    Picture picture = picture_of(section, results);
    // What can't be drawn says why, where it was asked for.
    if (picture.lacking.empty() || !options.only.empty()) pictures.push_back(std::move(picture));
  }
  if (pictures.empty()) pictures.push_back(history_picture(results));
  return svg_document(results.title(), pictures);
}

}  // namespace nn::chart
