#include "format/reading.hpp"

#include <nlohmann/json.hpp>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/error.hpp"
#include "base/json_text.hpp"
#include "table/columns.hpp"

namespace nn::format {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view source_name = "nn.source_name";

// The name that a column had before it became `name`; nothing where it has been that all along.
std::optional<std::string> former_name(const Schema& schema, std::string_view name) {
  const auto at = schema.find(name);
  if (!at) return std::nullopt;
  const std::string* former = schema.fields[*at].metadata.find(source_name);
  return former == nullptr ? std::nullopt : std::optional(*former);
}

}  // namespace

table::Reading text_reading(const SourceOptions& options) {
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
  return reading;
}

table::Reading reading_of(const SourceOptions& options, const Schema& schema) {
  const std::string* kept = schema.metadata.find(reading_key);
  table::Reading reading = kept == nullptr ? text_reading(options) : reading_from_json(*kept);
  reading.label = reading.target = reading.id = std::nullopt;
  // A file of labels is no column of the table.
  if (const auto y = schema.find("y"); y && options.labels_files.empty()) {
    const Field& field = schema.fields[*y];
    const bool numbers = is_float(field.type) || !field.shape.empty();
    (numbers ? reading.target : reading.label) = former_name(schema, "y");
  }
  reading.id = former_name(schema, "id");
  return reading;
}

std::string reading_to_json(const table::Reading& reading) {
  Json out = Json::object();
  const auto add = [&](const char* key, const std::string& text) {
    if (!text.empty()) out[key] = text;
  };
  const auto add_char = [&](const char* key, const std::optional<char>& c) {
    if (c) out[key] = *c == 0 ? "none" : std::string(1, *c);
  };
  if (reading.delimiter != 0) add_char("delimiter", reading.delimiter);
  if (reading.decimal != 0) add_char("decimal", reading.decimal);
  add_char("quote", reading.quote);
  add_char("escape", reading.escape);
  if (reading.header) out["header"] = *reading.header;
  add("encoding", reading.encoding);
  add("comment", reading.comment);
  if (!reading.missing.empty()) out["missing"] = reading.missing;
  if (!reading.usual_missing) out["default_missing"] = false;
  add("trim_label", reading.trim_label);
  for (const auto& [key, name] : {std::pair("label", &reading.label), std::pair("target", &reading.target),
                                  std::pair("id", &reading.id)}) {
    if (*name) out[key] = **name;
  }
  return json_dump(out);
}

table::Reading reading_from_json(std::string_view text) {
  constexpr std::size_t deepest = 2;
  const Json json =
      json_nests_deeper(text, deepest) ? Json() : Json::parse(text.begin(), text.end(), nullptr, false);
  if (!json.is_object()) fail_data("how its text was read is no object of JSON");
  const auto value = [&](const char* key, auto fallback) {
    using Value = decltype(fallback);
    if (!json.contains(key)) return fallback;
    const Json& member = json[key];
    const bool right = std::is_same_v<Value, bool> ? member.is_boolean() : member.is_string();
    if (!right) fail_data("'{}' of how its text was read is of another type", key);
    return member.template get<Value>();
  };
  const auto character = [&](const char* key) -> std::optional<char> {
    const std::string name = value(key, std::string());
    if (name.empty()) return std::nullopt;
    if (name == "none") return '\0';
    if (name.size() != 1) fail_data("'{}' of how its text was read is not one character", key);
    return name[0];
  };
  table::Reading reading;
  reading.delimiter = character("delimiter").value_or('\0');
  reading.decimal = character("decimal").value_or('\0');
  reading.quote = character("quote");
  reading.escape = character("escape");
  if (json.contains("header")) reading.header = value("header", false);
  reading.encoding = value("encoding", std::string());
  reading.comment = value("comment", std::string());
  if (json.contains("missing")) {
    for (const Json& word : json["missing"]) {
      if (!word.is_string()) fail_data("a missing value of how its text was read is no text");
      reading.missing.push_back(word.get<std::string>());
    }
  }
  reading.usual_missing = value("default_missing", true);
  reading.trim_label = value("trim_label", std::string());
  for (const auto& [key, name] : {std::pair("label", &reading.label), std::pair("target", &reading.target),
                                  std::pair("id", &reading.id)}) {
    if (json.contains(key)) *name = value(key, std::string());
  }
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
    std::string name = former == nullptr ? field.name : *former;
    // A feature that gave its name to what was learned.
    for (const auto& [taken, is_feature] :
         {std::pair("y", &options.columns.y_is_feature), std::pair("id", &options.columns.id_is_feature)}) {
      if (field.name != table::feature_name(taken)) continue;
      *is_feature = true;
      name = taken;
    }
    options.form.columns.push_back({std::move(name), is_text(field.type)});
  }
}

}  // namespace nn::format
