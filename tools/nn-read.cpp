// nn-read: files of data to a stream, or to text. The work is in lib/format.
#include "base/file.hpp"
#include "cli/options.hpp"
#include "cli/output.hpp"
#include "cli/progress.hpp"
#include "cli/tool.hpp"
#include "format/parts.hpp"

namespace {

struct Options {
  nn::format::SourceOptions source;
  nn::cli::OutputOptions output;
};

void setup(CLI::App& app, Options& options) {
  nn::cli::add_source_options(app, options.source, true);
  nn::cli::add_output_options(app, options.output,
                              "Where to write (default: standard output); with --split, {} in it "
                              "stands for the part's name, and every part is written");
}

// Every part of the split into a file of its own, in one pass.
void write_parts(const Options& options) {
  nn::format::SourceOptions all = options.source;
  all.rows.split.clear();
  const auto source = nn::cli::with_progress(nn::format::open_source(all));
  std::vector<nn::OutputFile> files;
  std::vector<std::unique_ptr<nn::BatchSink>> sinks;
  for (const nn::table::SplitPart& part : options.source.rows.split) {
    files.emplace_back(nn::format::file_of_part(options.output.path, part.name));
  }
  for (nn::OutputFile& file : files) {
    sinks.push_back(nn::format::open_sink(options.output.to, file, *source->schema(), options.source.limits));
  }
  nn::format::copy_parts(*source, nn::table::RowSplitter(options.source.rows.split, options.source.rows.seed), sinks);
  for (nn::OutputFile& file : files) file.commit();
}

void run(const Options& options) {
  if (nn::format::names_parts(options.output.path)) {
    nn::format::check_parts(options.source);
    return write_parts(options);
  }
  nn::cli::write_output(nn::format::open_source(options.source), options.output, options.source.limits);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  return nn::cli::run_tool(
      argc, argv,
      {"nn-read", "read tables, arrays and images; choose rows and columns; write a tensor stream",
       "nn-read digits.csv.gz --no-header --label last --rows 0:1437 > train.arrows"},
      [&](CLI::App& app) { setup(app, options); }, [&] { run(options); });
}
