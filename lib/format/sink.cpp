#include "format/sink.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/parse.hpp"
#include "base/version.hpp"
#include "format/bytes.hpp"
#include "format/sink_formats.hpp"

namespace nn::format {
namespace {

struct FormatName {
  std::string_view name;
  OutputFormat format;
};
constexpr FormatName format_names[] = {{"auto", OutputFormat::automatic}, {"text", OutputFormat::text},
                                       {"csv", OutputFormat::csv},        {"json", OutputFormat::json},
                                       {"npy", OutputFormat::npy},        {"stream", OutputFormat::stream}};

// Streams say who wrote them.
Schema with_origin(Schema schema) {
  schema.metadata.set("nn.tool", tool_name());
  schema.metadata.set("nn.version", std::string(tools_version()));
  return schema;
}

}  // namespace

OutputFormat parse_output_format(std::string_view name) {
  for (const FormatName& known : format_names) {
    if (known.name == name) return known.format;
  }
  fail_usage("'{}' is not an output format; there are text, csv, json, npy and stream", printable(name));
}

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
