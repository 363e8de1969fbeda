#include "format/sink.hpp"

#include <fmt/format.h>
#include <unistd.h>

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
      {OutputFormat::automatic, "auto"}, {OutputFormat::text, "text"}, {OutputFormat::csv, "csv"},
      {OutputFormat::json, "json"},      {OutputFormat::npy, "npy"},   {OutputFormat::stream, "stream"}};
  static constexpr EnumNames<OutputFormat> names{"an output format", table};
  return names;
}

OutputFormat parse_output_format(std::string_view name) { return enum_names(OutputFormat{}).parse(name); }

std::unique_ptr<BatchSink> open_sink(OutputFormat format, OutputFile& file, const Schema& schema,
                                     StreamLimits limits) {
  if (format != OutputFormat::automatic) warn_of_left_out(schema);
  switch (format) {
    case OutputFormat::automatic: break;
    case OutputFormat::text: return make_table_sink(file, schema);
    case OutputFormat::csv: return make_csv_sink(file, schema);
    case OutputFormat::json: return make_json_sink(file, schema);
    case OutputFormat::npy: return make_npy_sink(file, schema);
    case OutputFormat::stream:
      return std::make_unique<StreamWriter>(to_file(file), with_origin(schema), limits);
  }
  return open_sink(::isatty(file.fd()) != 0 ? OutputFormat::text : OutputFormat::stream, file, schema,
                   limits);
}

}  // namespace nn::format
