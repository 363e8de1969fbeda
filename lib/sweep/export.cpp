#include "sweep/export.hpp"

#include "base/error.hpp"
#include "base/file.hpp"
#include "format/sink.hpp"
#include "sweep/tables.hpp"
#include "sweep/tensorboard.hpp"
#include "sweep/trial_columns.hpp"

namespace nn::sweep {
namespace {

void write_stream(study::Study& study, OutputFile& file) {
  const Batch batch = trial_batch(study);
  const auto sink = format::open_sink(format::OutputFormat::stream, file, *batch.schema);
  if (batch.rows > 0) sink->write(batch);
  sink->finish();
}

}  // namespace

const EnumNames<ExportFormat>& enum_names(ExportFormat) {
  static constexpr EnumName<ExportFormat> table[] = {{ExportFormat::csv, "csv"},
                                                     {ExportFormat::json, "json"},
                                                     {ExportFormat::jsonl, "jsonl"},
                                                     {ExportFormat::arrow, "arrow"},
                                                     {ExportFormat::tensorboard, "tensorboard"}};
  static constexpr EnumNames<ExportFormat> names{"a format", table};
  return names;
}

ExportFormat format_of(std::optional<ExportFormat> said, const std::string& output) {
  if (said) return *said;
  constexpr std::pair<std::string_view, ExportFormat> endings[] = {{".arrows", ExportFormat::arrow},
                                                                   {".arrow", ExportFormat::arrow},
                                                                   {".json", ExportFormat::json},
                                                                   {".jsonl", ExportFormat::jsonl}};
  for (const auto& [ending, format] : endings) {
    if (output.ends_with(ending)) return format;
  }
  return ExportFormat::csv;
}

void export_study(study::Study& study, ExportFormat format, const std::string& output) {
  if (format == ExportFormat::tensorboard) {
    if (output == "-") fail_usage("a folder for the event files must be named: -o, --output DIR");
    return export_tensorboard(study, output);
  }
  OutputFile file(output);
  switch (format) {
    case ExportFormat::csv: file.write(trials_table(study, TableFormat::csv)); break;
    case ExportFormat::json: file.write(trials_table(study, TableFormat::json)); break;
    case ExportFormat::jsonl: file.write(trials_table(study, TableFormat::jsonl)); break;
    case ExportFormat::arrow: write_stream(study, file); break;
    case ExportFormat::tensorboard: break;
  }
  file.commit();
}

}  // namespace nn::sweep
