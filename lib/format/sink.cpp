#include "format/sink.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "base/ascii.hpp"
#include "base/error.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "format/bytes.hpp"
#include "format/sink_formats.hpp"

namespace nn::format {
namespace {

// Streams say who wrote them.
Schema with_origin(Schema schema) {
  schema.metadata.set("nn.tool", tool_name());
  schema.metadata.set("nn.version", std::string(tools_version()));
  return schema;
}

// Columns that no output has are said, once.
void warn_of_left_out(const Schema& schema) {
  constexpr std::size_t most_named = 8;
  std::string list;
  std::size_t count = 0;
  for (const Field& field : schema.fields) {
    if (field.type != DType::opaque || field.foreign_type.empty()) continue;
    if (++count <= most_named)
      list += fmt::format("{}'{}' ({})", count == 1 ? "" : ", ", printable(field.name), field.foreign_type);
  }
  if (count > most_named) list += fmt::format(" and {} more", count - most_named);
  if (count > 0) {
    warn("{} left out, since {} read neither as numbers nor as text: {}; --drop says that it is meant",
         count == 1 ? "a column is" : fmt::format("{} columns are", count), count == 1 ? "it is" : "they are",
         list);
  }
}

}  // namespace

const EnumNames<OutputFormat>& enum_names(OutputFormat) {
  static constexpr EnumName<OutputFormat> table[] = {
      {OutputFormat::automatic, "auto"}, {OutputFormat::text, "text"},    {OutputFormat::csv, "csv"},
      {OutputFormat::tsv, "tsv"},        {OutputFormat::json, "json"},    {OutputFormat::npy, "npy"},
      {OutputFormat::npz, "npz"},        {OutputFormat::stream, "stream"}};
  static constexpr EnumNames<OutputFormat> names{"an output format", table};
  return names;
}

OutputFormat parse_output_format(std::string_view name) { return enum_names(OutputFormat{}).parse(name); }

OutputFormat format_of_name(std::string_view path) {
  std::string name(path.substr(path.rfind('/') + 1));
  for (char& c : name) c = to_lower(c);
  struct Ending {
    std::string_view text;
    OutputFormat format;
  };
  constexpr Ending endings[] = {
      {".csv", OutputFormat::csv},   {".tsv", OutputFormat::tsv},    {".tab", OutputFormat::tsv},
      {".json", OutputFormat::json}, {".jsonl", OutputFormat::json}, {".ndjson", OutputFormat::json},
      {".npy", OutputFormat::npy},   {".npz", OutputFormat::npz},    {".arrows", OutputFormat::stream}};
  for (const auto& [text, format] : endings) {
    if (name.ends_with(text)) return format;
  }
  const auto refuse = [&](std::string_view what, std::string_view remedy) {
    throw make_error(ErrorKind::usage, "{} are not written", what).within_file(path).advise("; {}", remedy);
  };
  for (const auto& [ending, program] : {std::pair{".gz", "gzip"}, std::pair{".zst", "zstd"}}) {
    if (!name.ends_with(ending)) continue;
    const OutputFormat inner = format_of_name(path.substr(0, path.size() - std::string_view(ending).size()));
    refuse("compressed files",
           fmt::format(
               "a pipe writes them: --to {} | {} > {}",
               enum_names(inner).name_of(inner == OutputFormat::automatic ? OutputFormat::stream : inner),
               program, printable(path)));
  }
  if (name.ends_with(".arrow") || name.ends_with(".feather"))
    refuse("Arrow files with an index", "name the stream .arrows, or say --to stream");
  if (name.ends_with(".parquet")) refuse("Parquet files", "write .arrows, which what writes Parquet reads");
  if (name.ends_with(".txt"))
    throw make_error(ErrorKind::usage, "its name doesn't say which text is written")
        .within_file(path)
        .advise("; --to csv, tsv, json or text does");
  return OutputFormat::automatic;
}

std::unique_ptr<BatchSink> open_sink(OutputFormat format, OutputFile& file, const Schema& schema,
                                     StreamLimits limits) {
  if (format == OutputFormat::automatic) format = format_of_name(file.name());
  if (format != OutputFormat::automatic) warn_of_left_out(schema);
  switch (format) {
    case OutputFormat::automatic: break;
    case OutputFormat::text: return make_table_sink(file, schema);
    case OutputFormat::csv: return make_csv_sink(file, schema, ',');
    case OutputFormat::tsv: return make_csv_sink(file, schema, '\t');
    case OutputFormat::json: return make_json_sink(file, schema);
    case OutputFormat::npy: return make_npy_sink(file, schema);
    case OutputFormat::npz: return make_npz_sink(file, schema);
    case OutputFormat::stream:
      return std::make_unique<StreamWriter>(to_file(file), with_origin(schema), limits);
  }
  return open_sink(::isatty(file.fd()) != 0 ? OutputFormat::text : OutputFormat::stream, file, schema,
                   limits);
}

}  // namespace nn::format
