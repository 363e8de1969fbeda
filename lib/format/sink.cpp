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
