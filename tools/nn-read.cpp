// nn-read: files of data to a stream, or to text. The work is in lib/format.
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/overwrite.hpp"
#include "cli/help.hpp"
#include "cli/output.hpp"
#include "cli/progress.hpp"
#include "cli/tool.hpp"
#include "format/options.hpp"
#include "format/parts.hpp"
#include "options/fields.hpp"
#include "table/describe.hpp"

namespace {

struct Options {
  nn::format::SourceOptions source;
  nn::cli::OutputOptions output;
  bool describe = false;
};

nn::options::List option_list(Options& o) {
  nn::options::List list = nn::cli::option_list(
      o.output,
      "Where to write (default: standard output); with --split, {} in it stands for the part's name, and "
      "every part is written",
      "Write to *file* instead of the standard output.\n"
      "The file appears when it is complete, or not at all.\n"
      "With --split, a '{}' in *file* stands for the name of a part, and every part is written to a file "
      "of its own, in one pass.");
  nn::options::Group group(list, "Output", nn::options::Effect::output);
  group.add(
      {.name = "describe",
       .help = "Write what the columns hold instead of the rows (text, or --to json)",
       .text = "Instead of the rows, write what the columns hold: missing values, how many differ, least, "
               "quartiles, largest and mean of numbers, the most frequent texts.\n"
               "With --to json it is one object, in which counts are exact where it says so."},
      nn::options::flag(o.describe));
  nn::options::append(list, nn::format::option_list(o.source, true));
  return list;
}

// Every part of the split into a file of its own, in one pass.
void write_parts(const Options& o) {
  const auto rows =
      nn::table::parted_rows(nn::cli::with_progress(nn::format::open_source(nn::format::unsplit(o.source))),
                             nn::format::splitting_of(o.source.rows));
  std::vector<nn::OutputFile> files;
  std::vector<std::unique_ptr<nn::BatchSink>> sinks;
  for (const nn::table::SplitPart& part : o.source.rows.split) {
    files.emplace_back(nn::format::file_of_part(o.output.path, part.name));
  }
  sinks.reserve(files.size());
  for (nn::OutputFile& file : files) {
    sinks.push_back(nn::format::open_sink(o.output.to, file, *rows->schema(), o.source.limits));
  }
  nn::format::copy_parts(*rows, sinks);
  for (nn::OutputFile& file : files) file.commit();
}

// What the rows hold, in place of them.
void describe(const Options& o) {
  using nn::format::OutputFormat;
  const OutputFormat to =
      o.output.to == OutputFormat::automatic ? nn::format::format_of_name(o.output.path) : o.output.to;
  if (to != OutputFormat::automatic && to != OutputFormat::text && to != OutputFormat::json)
    nn::fail_usage("--describe writes text or json");
  const auto source = nn::cli::with_progress(nn::format::open_source(o.source));
  nn::table::Description description(*source->schema());
  while (const auto batch = source->next()) description.add(*batch);
  const nn::table::TableSummary summary = description.summary();
  nn::OutputFile file(o.output.path);
  file.write(to == OutputFormat::json ? nn::table::to_json(summary)
                                      : nn::table::to_text(summary, nn::cli::help_width()));
  file.commit();
}

std::vector<std::string> outputs_of(const Options& o) {
  if (o.describe || !nn::format::names_parts(o.output.path)) return {o.output.path};
  std::vector<std::string> outputs;
  for (const nn::table::SplitPart& part : o.source.rows.split)
    outputs.push_back(nn::format::file_of_part(o.output.path, part.name));
  return outputs;
}

void run(const Options& o) {
  nn::refuse_overwriting({.read = nn::format::input_files(o.source), .written = outputs_of(o)});
  if (o.describe) return describe(o);
  if (nn::format::names_parts(o.output.path)) {
    nn::format::check_parts(o.source);
    return write_parts(o);
  }
  nn::cli::write_output(nn::format::open_source(o.source), o.output, o.source.limits);
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  const nn::cli::Command tool{
      .name = "nn-read",
      .summary = "read tables, arrays and images; choose rows and columns; write a tensor stream",
      .options = option_list(o),
      .arguments = {nn::format::input_argument(o.source)},
      .example = "nn-read digits.csv.gz --no-header --label last --rows 0:1437 > train.arrows"};
  return nn::cli::run_tool(argc, argv, tool, [&](const nn::cli::Parsed&) { run(o); });
}
