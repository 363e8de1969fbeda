#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "inference/describe.hpp"
#include "inference/failure.hpp"
#include "inference/rest_error.hpp"

namespace nn::inference {
namespace {

using serving::VersionState;

void append_state(std::string& body, std::uint64_t version, const serving::VersionEntry& entry) {
  body += "{\"version\":\"";
  body += std::to_string(version);
  body += "\",\"state\":\"";
  body += serving::name_of(entry.state);
  body += "\",\"status\":{\"error_code\":\"";
  body += name_of(entry.reason ? status_code_of(failure_of(*entry.reason)) : StatusCode::ok);
  body += "\",\"error_message\":";
  append_json_string(body, entry.reason ? entry.reason->public_statement() : "");
  body += "}}";
}

void append_dimension(std::string& body, std::int64_t extent) {
  body += "{\"size\":\"";
  append_json_integer(body, extent);
  body += "\",\"name\":\"\"}";
}

void append_tensor(std::string& body, std::string_view name, DataType type, const Shape& row) {
  append_json_string(body, name);
  body += ":{\"dtype\":\"";
  body += tensorflow_name_of(type);
  body += "\",\"tensor_shape\":{\"dim\":[";
  append_dimension(body, -1);
  for (const std::int64_t extent : row) {
    body += ',';
    append_dimension(body, extent);
  }
  body += "],\"unknown_rank\":false},\"name\":";
  append_json_string(body, std::string(name) + ":0");
  body += '}';
}

void append_tensors(std::string& body, const std::vector<TensorSpec>& tensors) {
  body += '{';
  for (const TensorSpec& tensor : tensors) {
    if (body.back() != '{') body += ',';
    append_tensor(body, tensor.name, tensor.type, tensor.shape);
  }
  body += '}';
}

void append_signature(std::string& body, std::string_view name, std::string_view method,
                      const std::vector<TensorSpec>& inputs, const std::vector<TensorSpec>& outputs) {
  body += fmt::format("\"{}\":{{\"inputs\":", name);
  append_tensors(body, inputs);
  body += ",\"outputs\":";
  append_tensors(body, outputs);
  body += fmt::format(",\"method_name\":\"tensorflow/serving/{}\",\"defaults\":{{}}}}", method);
}

}  // namespace

void append_v1_models(std::string& body, std::span<const std::string_view> names) {
  body += "{\"models\":[";
  for (const std::string_view name : names) {
    if (body.back() != '[') body += ',';
    append_json_string(body, name);
  }
  body += "]}";
}

void append_v1_status(std::string& body, std::string_view name, const serving::ModelEntry& model,
                      std::uint64_t only_version) {
  bool ready = false;
  body += "{\"model_version_status\":[";
  for (auto entry = model.versions.rbegin(); entry != model.versions.rend(); ++entry) {
    if (only_version != 0 && entry->first != only_version) continue;
    if (body.back() != '[') body += ',';
    append_state(body, entry->first, entry->second);
    ready = ready || entry->second.state == VersionState::available;
  }
  body += "],\"name\":";
  append_json_string(body, name);
  body += ready ? ",\"ready\":\"True\"}" : ",\"ready\":\"False\"}";
}

void append_v1_metadata(std::string& body, std::string_view name, std::uint64_t version,
                        const Signature& signature) {
  const auto& inputs = signature.inputs();
  const auto& outputs = signature.outputs();
  body += "{\"model_spec\":{\"name\":";
  append_json_string(body, name);
  body += fmt::format(",\"signature_name\":\"\",\"version\":\"{}\"}},", version);
  body += "\"metadata\":{\"signature_def\":{\"signature_def\":{";
  append_signature(body, "serving_default", "predict", inputs, {outputs[0]});
  body += ',';
  append_signature(body, "all", "predict", inputs, outputs);
  body += ',';
  if (signature.kind().classes) {
    const Shape row{signature.kind().width()};
    append_signature(body, "classify", "classify", inputs,
                     {{"classes", DataType::bytes, row}, {"scores", DataType::fp32, row}});
  } else {
    append_signature(body, "regress", "regress", inputs,
                     {{"outputs", DataType::fp32, signature.kind().shape}});
  }
  body += "}}}}";
}

std::string v1_no_servable(std::string_view name, std::uint64_t version) {
  const std::string model = printable(name, 40);
  return version == 0 ? fmt::format("Servable not found for request: Latest({})", model)
                      : fmt::format("Servable not found for request: Specific({}, {})", model, version);
}

std::string v1_no_version(std::string_view name, std::uint64_t version) {
  const std::string model = printable(name, 40);
  return version == 0 ? fmt::format("Could not find any versions of model {}", model)
                      : fmt::format("Could not find version {} of model {}", version, model);
}

std::string v1_no_label(std::string_view label) {
  return fmt::format("Unrecognized servable version label: {}", printable(label, 40));
}

std::string v1_malformed(std::string_view method, std::string_view path) {
  return fmt::format("Malformed request: {} {}", printable(method, 10), printable(path, 60));
}

}  // namespace nn::inference
