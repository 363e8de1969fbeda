#include "cli/output.hpp"

#include <unistd.h>

#include <algorithm>

#include "cli/progress.hpp"
#include "options/fields.hpp"

namespace nn::cli {

options::List output_file(std::string& path, std::string_view help, std::string_view text) {
  options::List list;
  options::Group group(list, "Output", options::Effect::output);
  group.add({.name = "output",
             .letter = 'o',
             .value = "FILE",
             .help = help.empty() ? "Where to write (default: standard output)" : help,
             .text = !text.empty() ? text
                                   : "Write to *file* instead of the standard output.\n"
                                     "The file appears when it is complete, or not at all."},
            options::file(path));
  return list;
}

options::List option_list(OutputOptions& output, std::string_view help, std::string_view text) {
  options::List list = output_file(output.path, help, text);
  options::Group group(list, "Output", options::Effect::output);
  // The first is what is chosen without --to: its name is for the table only.
  std::vector<std::string_view> formats = enum_names(output.to).list();
  formats.erase(formats.begin());
  group.add(
      {.name = "to",
       .value = "FORMAT",
       .help = "text, csv, json, npy, stream (default: text on a terminal, else stream)",
       .text = "One of\n"
               "- `text` :: aligned columns, for people; the default on a terminal\n"
               "- `csv` :: a header, and a missing value as an empty cell; element *i* of a tensor is a "
               "column of its own, `proba_`*i*\n"
               "- `json` :: an object a line for each row\n"
               "- `npy` :: one NumPy array, to a file\n"
               "- `stream` :: the tensor stream; the default elsewhere"},
      options::choice(output.to, formats));
  return list;
}

void write_output(std::unique_ptr<BatchSource> rows, const OutputOptions& options,
                  format::StreamLimits limits) {
  // Rows that scroll by on the terminal show the progress themselves.
  if (options.path != "-" || ::isatty(STDOUT_FILENO) == 0) rows = with_progress(std::move(rows));
  OutputFile file(options.path);
  const auto sink = open_sink(options.to, file, *rows->schema(), limits);
  copy_batches(*rows, *sink);
  file.commit();
}

}  // namespace nn::cli
