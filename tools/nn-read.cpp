// nn-read: files of data to a stream, or to text. The work is in lib/format.
#include <unistd.h>

#include "base/file.hpp"
#include "cli/options.hpp"
#include "cli/progress.hpp"
#include "cli/tool.hpp"
#include "format/row_parts.hpp"
#include "format/sink.hpp"

namespace {

struct Options {
  nn::SourceOptions source;
  std::string output = "-";
  nn::OutputFormat to = nn::OutputFormat::automatic;
};

void setup(CLI::App& app, Options& options) {
  nn::add_source_options(app, options.source, true);
  app.add_option("-o,--output", options.output,
                 "Where to write (default: standard output); with --split, {} in it "
                 "stands for the part's name, and every part is written")
      ->type_name("FILE")
      ->group("Output");
  nn::add_parsed(app, "--to", options.to, nn::parse_output_format,
                 "text, csv, json, npy, stream (default: text on a terminal, else stream)")
      ->type_name("FORMAT")
      ->group("Output");
}

// Every part of the split into a file of its own, in one pass.
void write_parts(const Options& options) {
  nn::SourceOptions all = options.source;
  all.split.clear();
  const auto source = nn::with_progress(nn::open_source(all));
  std::vector<nn::OutputFile> files;
  std::vector<std::unique_ptr<nn::BatchSink>> sinks;
  for (const nn::SplitPart& part : options.source.split) {
    files.emplace_back(nn::file_of_part(options.output, part.name));
  }
  for (nn::OutputFile& file : files) {
    sinks.push_back(nn::open_sink(options.to, file, *source->schema(), options.source.limits));
  }
  nn::copy_parts(*source, nn::RowSplitter(options.source.split, options.source.seed), sinks);
  for (nn::OutputFile& file : files) file.commit();
}

void run(const Options& options) {
  if (nn::names_parts(options.output)) {
    nn::check_parts(options.source);
    return write_parts(options);
  }
  auto source = nn::open_source(options.source);
  // Rows that scroll by on the terminal show the progress themselves.
  if (options.output != "-" || ::isatty(STDOUT_FILENO) == 0) source = nn::with_progress(std::move(source));
  nn::OutputFile file(options.output);
  const auto sink = nn::open_sink(options.to, file, *source->schema(), options.source.limits);
  nn::copy_batches(*source, *sink);
  file.commit();
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  return nn::run_tool(
      argc, argv,
      {"nn-read", "read tables, arrays and images; choose rows and columns; write a tensor stream",
       "nn-read digits.csv.gz --no-header --label last --rows 0:1437 > train.arrows"},
      [&](CLI::App& app) { setup(app, options); }, [&] { run(options); });
}
