#include "cli/output.hpp"

#include <unistd.h>

#include "cli/options.hpp"
#include "cli/progress.hpp"

namespace nn::cli {

void add_output_options(CLI::App& app, OutputOptions& options, const std::string& help) {
  constexpr auto group = "Output";
  app.add_option("-o,--output", options.path, help)->type_name("FILE")->group(group);
  add_parsed(app, "--to", options.to, format::parse_output_format,
             "text, csv, json, npy, stream (default: text on a terminal, else stream)")
      ->type_name("FORMAT")
      ->group(group);
}

void write_output(std::unique_ptr<BatchSource> rows, const OutputOptions& options,
                  format::StreamLimits limits) {
  // Rows that scroll by on the terminal show the progress themselves.
  if (options.path != "-" || ::isatty(STDOUT_FILENO) == 0) rows = with_progress(std::move(rows));
  OutputFile file(options.path);
  const auto sink = format::open_sink(options.to, file, *rows->schema(), limits);
  copy_batches(*rows, *sink);
  file.commit();
}

}  // namespace nn::cli
