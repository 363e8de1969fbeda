// The description of a model, and what a file is, as JSON text.
#include "base/json_text.hpp"
#include "exchange/convert.hpp"
#include "exchange/json.hpp"

namespace nn::exchange {
namespace {

// Indented, but an array of plain values stays on one line: a table of 784 offsets is read
// by programs, the rest by people too.
void write_json(const Json& json, std::string& out, std::size_t indent) {
  const bool lines = !json.empty() && (json.is_object() || (json.is_array() && json.front().is_structured()));
  if (!lines) {
    out += json_dump(json);
    return;
  }
  out += json.is_object() ? '{' : '[';
  const char* separator = "\n";
  for (const auto& [key, value] : json.items()) {
    out += separator;
    out.append(indent + 2, ' ');
    if (json.is_object()) out += json_dump(Json(key)) + ": ";
    write_json(value, out, indent + 2);
    separator = ",\n";
  }
  out += '\n';
  out.append(indent, ' ');
  out += json.is_object() ? '}' : ']';
}

}  // namespace

std::string json_text(const Json& json) {
  std::string out;
  write_json(json, out, 0);
  return out + "\n";
}

std::string model_json(const model::Model& model) { return json_text(model_to_json(model)); }

std::string file_json(const model::AnyModel& file) {
  Json json = model_to_json(file.model);
  json["kind"] = file.state ? "checkpoint" : "model";
  json["digest"] = file.model.digest;
  json["bytes"] = file.file_bytes;
  if (file.state) {
    json["training"] = Json{{"step", file.state->step},
                            {"epoch", file.state->epoch},
                            {"batch", file.state->batch},
                            {"elapsed_s", file.state->elapsed_s}};
  }
  return json_text(json);
}

}  // namespace nn::exchange
