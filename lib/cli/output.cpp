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
       .help = "text, csv, tsv, json, npy, npz, stream (default: what FILE ends in; text on a terminal, else "
               "stream)",
       .text = "One of\n"
               "- `text` :: aligned columns, for people; the default on a terminal, where columns for which "
               "it is too "
               "narrow are only counted\n"
               "- `csv` :: a header, and a missing value as an empty cell; each element of a tensor is a "
               "column of its own, with its name, such as `proba_setosa`, or its number, `x_0`\n"
               "- `tsv` :: the same with tabs\n"
               "- `json` :: an object a line for each row\n"
               "- `npy` :: one NumPy array, to a file\n"
               "- `npz` :: a NumPy array for each column of numbers, to a file\n"
               "- `stream` :: the tensor stream; the default elsewhere\n"
               "\n"
               "Without this option the name of the file that --output names decides: `.csv`, `.tsv`, "
               "`.json` (also "
               "`.jsonl`, `.ndjson`), `.npy`, `.npz`, `.arrows`."},
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
