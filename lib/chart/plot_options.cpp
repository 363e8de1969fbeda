#include <fmt/format.h>
#include <fmt/ranges.h>

#include "chart/plot.hpp"
#include "options/fields.hpp"

namespace nn::chart {

options::List option_list(PlotOptions& o) {
  const auto names = enum_names(Section{}).list();
  static const std::string only =
      fmt::format("With `plot`, only these pictures, with commas between: `{}`.", fmt::join(names, "`, `"));
  options::List list;
  options::Group group(list, "Output", options::Effect::output);
  group.add({.name = "output",
             .letter = 'o',
             .value = "FILE",
             .help = "Write to this file, complete or not at all (default: standard output)",
             .text = "With `plot`, write to this file, which appears complete or not at all; the "
                     "standard output by default."},
            options::file(o.output, ".html .svg .txt"));
  group.add({.name = "to",
             .value = "FORMAT",
             .help = "html, svg or text (default: by the file's ending)",
             .text = "With `plot`, `html`, `svg` or `text`. By default the file's ending says it; without "
                     "a file it is `text` for a terminal and `html` otherwise."},
            options::choice(o.format));
  group.add({.name = "only", .value = "PICTURE", .help = "Only these, with commas between", .text = only},
            {.kind = options::Kind::choice, .choices = names, .repeatable = true, .apply = [&o](auto text) {
               add_sections(o.only, *text);
             }});
  return list;
}

}  // namespace nn::chart
