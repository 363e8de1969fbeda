#include "format/reading.hpp"

#include <algorithm>

namespace nn::format {
namespace {

constexpr std::string_view source_name = "nn.source_name";

// The name that a column had before it became `name`; nothing where it has been that all along.
std::optional<std::string> former_name(const Schema& schema, std::string_view name) {
  const auto at = schema.find(name);
  if (!at) return std::nullopt;
  const std::string* former = schema.fields[*at].metadata.find(source_name);
  return former == nullptr ? std::nullopt : std::optional(*former);
}

}  // namespace

table::Reading reading_of(const SourceOptions& options, const Schema& schema) {
  const CsvOptions& csv = options.csv;
  table::Reading reading;
  reading.delimiter = csv.delimiter;
  reading.decimal = csv.decimal;
  reading.quote = csv.quote;
  reading.escape = csv.escape;
  if (csv.header != CsvOptions::Header::automatic) reading.header = csv.header == CsvOptions::Header::yes;
  reading.encoding = csv.encoding;
  reading.comment = csv.comment;
  reading.missing = csv.missing;
  reading.usual_missing = csv.usual_missing;
  reading.trim_label = options.columns.trim_label;
  // A file of labels is no column of the table.
  if (options.labels_files.empty()) {
    (options.columns.target ? reading.target : reading.label) = former_name(schema, "y");
  }
  reading.id = former_name(schema, "id");
  return reading;
}

void take_reading(SourceOptions& options, const table::Reading& reading) {
  CsvOptions& csv = options.csv;
  if (csv.delimiter == 0) csv.delimiter = reading.delimiter;
  if (csv.decimal == 0) csv.decimal = reading.decimal;
  if (!csv.quote) csv.quote = reading.quote;
  if (!csv.escape) csv.escape = reading.escape;
  if (csv.encoding.empty()) csv.encoding = reading.encoding;
  if (csv.comment.empty()) csv.comment = reading.comment;
  if (csv.missing.empty()) csv.missing = reading.missing;
  csv.usual_missing = csv.usual_missing && reading.usual_missing;
  if (csv.header == CsvOptions::Header::automatic) options.form.header = reading.header;
  table::ColumnOptions& columns = options.columns;
  if (columns.trim_label.empty()) columns.trim_label = reading.trim_label;
  if (options.labels_files.empty()) {
    columns.usual_label = reading.label;
    columns.usual_target = reading.target;
  }
  columns.usual_id = reading.id;
}

void take_columns(SourceOptions& options, const Schema& schema) {
  for (const Field& field : schema.fields) {
    if (!is_text(field.type) && !(is_number(field.type) && field.shape.empty())) continue;
    const std::string* former = field.metadata.find(source_name);
    options.form.columns.push_back({former == nullptr ? field.name : *former, is_text(field.type)});
  }
}

}  // namespace nn::format
