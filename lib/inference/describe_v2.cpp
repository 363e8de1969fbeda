#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/json_text.hpp"
#include "base/text.hpp"
#include "inference/describe.hpp"
#include "inference/rest_error.hpp"

namespace nn::inference {
namespace {

using serving::VersionState;

constexpr int most_nested = 100;

// Calls each(element) with commas between what it appends.
template <typename List, typename Each>
void append_list(std::string& body, const List& list, Each&& each) {
  body += '[';
  bool first = true;
  for (const auto& element : list) {
    if (!std::exchange(first, false)) body += ',';
    each(element);
  }
  body += ']';
}

void append_named(std::string& body, std::string_view key, std::string_view text) {
  body += '"';
  body += key;
  body += "\":";
  append_json_string(body, text);
}

void append_extents(std::string& body, const Shape& shape, bool with_batch) {
  body += '[';
  if (with_batch) body += "-1";
  for (const std::int64_t extent : shape) {
    if (body.back() != '[') body += ',';
    append_json_integer(body, extent);
  }
  body += ']';
}

void append_tensors(std::string& body, const std::vector<TensorSpec>& tensors) {
  append_list(body, tensors, [&](const TensorSpec& tensor) {
    body += '{';
    append_named(body, "name", tensor.name);
    body += fmt::format(",\"datatype\":\"{}\",\"shape\":", name_of(tensor.type));
    append_extents(body, tensor.shape, true);
    body += '}';
  });
}

std::string config_type(DataType type) {
  return fmt::format("TYPE_{}", type == DataType::bytes ? "STRING" : name_of(type));
}

void append_duration(std::string& body, std::string_view key, const Duration& duration) {
  body += fmt::format("\"{}\":{{\"count\":{},\"ns\":{}}}", key, duration.count, duration.ns);
}

void append_statistics(std::string& body, const ModelStatistics& model) {
  body += '{';
  append_named(body, "name", model.name);
  body += fmt::format(
      ",\"version\":\"{}\",\"last_inference\":{},\"inference_count\":{},\"execution_count\":{},\"inference_"
      "stats\":{{",
      model.version, model.last_inference_ms, model.inference_count, model.execution_count);
  const std::pair<std::string_view, Duration> durations[] = {{"success", model.success},
                                                             {"fail", model.fail},
                                                             {"queue", model.queue},
                                                             {"compute_input", model.compute_input},
                                                             {"compute_infer", model.compute_infer},
                                                             {"compute_output", model.compute_output},
                                                             {"cache_hit", {}},
                                                             {"cache_miss", {}}};
  for (const auto& [key, duration] : durations) {
    if (body.back() != '{') body += ',';
    append_duration(body, key, duration);
  }
  body += "},\"response_stats\":{},\"batch_stats\":";
  append_list(body, model.batches, [&](const BatchStatistics& batch) {
    body += fmt::format("{{\"batch_size\":{},", batch.batch_size);
    append_duration(body, "compute_input", batch.compute_input);
    body += ',';
    append_duration(body, "compute_infer", batch.compute_infer);
    body += ',';
    append_duration(body, "compute_output", batch.compute_output);
    body += '}';
  });
  body += ",\"memory_usage\":[]}";
}

// A body that people write by hand: an object, or nothing.
nlohmann::json small_object(std::string_view body) {
  if (trim(body).empty()) return nlohmann::json::object();
  nlohmann::json value;
  if (!json_nests_deeper(body, most_nested)) value = nlohmann::json::parse(body, nullptr, false);
  if (!value.is_object()) fail_data("the body is not a JSON object");
  return value;
}

}  // namespace

void append_v2_server(std::string& body, std::string_view server_version) {
  body += "{\"name\":\"nn-serve\",";
  append_named(body, "version", server_version);
  body +=
      ",\"extensions\":[\"classification\",\"model_repository\",\"model_repository(unload_dependents)\","
      "\"model_configuration\",\"binary_tensor_data\",\"parameters\",\"statistics\"]}";
}

void append_v2_live(std::string& body, bool live) { body += live ? "{\"live\":true}" : "{\"live\":false}"; }
void append_v2_ready(std::string& body, bool ready) {
  body += ready ? "{\"live\":true,\"ready\":true}" : "{\"live\":true,\"ready\":false}";
}

void append_v2_model_ready(std::string& body, std::string_view name, bool ready) {
  body += '{';
  append_named(body, "name", name);
  body += ready ? ",\"ready\":true}" : ",\"ready\":false}";
}

void append_v2_metadata(std::string& body, const V2ModelWords& words, const Signature& signature) {
  body += '{';
  append_named(body, "name", words.name);
  body += ",\"versions\":";
  append_list(body, words.versions, [&](std::uint64_t version) { body += fmt::format("\"{}\"", version); });
  body +=
      words.members.empty() ? ",\"platform\":\"nn\",\"inputs\":" : ",\"platform\":\"ensemble\",\"inputs\":";
  append_tensors(body, signature.inputs());
  body += ",\"outputs\":";
  append_tensors(body, signature.outputs());
  if (!words.digest.empty() || !words.labels.empty() || !words.members.empty()) {
    body += ",\"parameters\":{";
    std::string_view comma;
    if (!words.digest.empty()) {
      append_named(body, "digest", words.digest);
      comma = ",";
    }
    const auto add = [&](std::string_view name, const auto& texts) {
      if (texts.empty()) return;
      body += comma;
      append_json_string(body, name);
      body += ':';
      append_list(body, texts, [&](std::string_view text) { append_json_string(body, text); });
      comma = ",";
    };
    add("labels", words.labels);
    add("members", words.members);
    body += '}';
  }
  body += '}';
}

void append_v2_config(std::string& body, const V2ConfigWords& words, const Signature& signature) {
  const bool ensemble = !words.members.empty();
  body += '{';
  append_named(body, "name", words.name);
  body +=
      fmt::format(",\"platform\":\"{}\",\"backend\":\"{}\",\"version_policy\":", ensemble ? "ensemble" : "nn",
                  ensemble ? "" : "nn");
  body += words.latest_versions > 0
              ? fmt::format("{{\"latest\":{{\"num_versions\":{}}}}}", words.latest_versions)
              : std::string("{\"all\":{}}");
  body += fmt::format(",\"max_batch_size\":{},\"input\":", words.max_rows);
  append_list(body, signature.inputs(), [&](const TensorSpec& tensor) {
    body += '{';
    append_named(body, "name", tensor.name);
    body +=
        fmt::format(",\"data_type\":\"{}\",\"format\":\"FORMAT_NONE\",\"dims\":", config_type(tensor.type));
    append_extents(body, tensor.shape, false);  // the batch is left out
    body += '}';
  });
  body += ",\"output\":";
  append_list(body, signature.outputs(), [&](const TensorSpec& tensor) {
    body += '{';
    append_named(body, "name", tensor.name);
    body += fmt::format(",\"data_type\":\"{}\",\"dims\":", config_type(tensor.type));
    append_extents(body, tensor.shape, false);  // the batch is left out
    body += ",\"label_filename\":\"\"}";
  });
  body += ",\"instance_group\":";
  append_list(body, words.devices, [&](std::string_view device) {
    body += '{';
    append_named(body, "name", device);
    const bool gpu = device.substr(0, 5) == "cuda:";
    body += fmt::format(",\"kind\":\"{}\",\"count\":1,\"gpus\":[{}]}}", gpu ? "KIND_GPU" : "KIND_CPU",
                        gpu ? device.substr(5) : "");
  });
  body += ",\"dynamic_batching\":{\"preferred_batch_size\":[],\"max_queue_delay_microseconds\":0}";
  if (ensemble) {
    body += ",\"ensemble_scheduling\":{\"step\":";
    append_list(body, words.members, [&](const V2ConfigWords::Step& step) {
      body += '{';
      append_named(body, "model_name", step.model);
      const auto version = step.version == 0 ? std::int64_t{-1} : static_cast<std::int64_t>(step.version);
      body += fmt::format(",\"model_version\":{},\"input_map\":{{}},\"output_map\":{{}}}}", version);
    });
    body += '}';
  }
  body += '}';
}

void append_v2_statistics(std::string& body, std::span<const ModelStatistics> models) {
  body += "{\"model_stats\":";
  append_list(body, models, [&](const ModelStatistics& model) { append_statistics(body, model); });
  body += '}';
}

std::string_view v2_state(VersionState state) {
  switch (state) {
    case VersionState::start:
    case VersionState::loading: return "LOADING";
    case VersionState::available: return "READY";
    case VersionState::unloading: return "UNLOADING";
    case VersionState::end: break;
  }
  return "UNAVAILABLE";
}

std::vector<IndexEntry> index_of(const serving::Catalog& catalog, bool only_ready) {
  std::vector<IndexEntry> entries;
  for (const auto& [name, model] : catalog.models) {
    if (model.versions.empty() && !only_ready) {
      entries.push_back({name, 0, VersionState::end, model.reason ? model.reason->public_statement() : ""});
    }
    for (const auto& [version, entry] : model.versions) {
      if (only_ready && entry.state != VersionState::available) continue;
      entries.push_back({name, version, entry.state, entry.reason ? entry.reason->public_statement() : ""});
    }
  }
  return entries;
}

void append_v2_index(std::string& body, std::span<const IndexEntry> entries) {
  append_list(body, entries, [&](const IndexEntry& entry) {
    body += '{';
    append_named(body, "name", entry.name);
    if (entry.version != 0) {
      body += fmt::format(",\"version\":\"{}\",\"state\":\"{}\",", entry.version, v2_state(entry.state));
      append_named(body, "reason", entry.reason);
    } else if (!entry.reason.empty()) {
      body += ',';
      append_named(body, "reason", entry.reason);
    }
    body += '}';
  });
}

bool parse_v2_index(std::string_view body) {
  const nlohmann::json object = small_object(body);
  const auto ready = object.find("ready");
  if (ready == object.end()) return false;
  if (!ready->is_boolean()) fail_data("ready: expected true or false");
  return ready->get<bool>();
}

void check_v2_load(std::string_view body) {
  const nlohmann::json object = small_object(body);
  const auto parameters = object.find("parameters");
  if (parameters == object.end()) return;
  if (!parameters->is_object()) fail_data("parameters: expected an object");
  for (const auto& [key, value] : parameters->items()) {
    if (key == "config" || key.substr(0, 5) == "file:") {
      fail_data("parameters.{}: models come from the repository, and not with a request", printable(key, 40));
    }
    if (key == "unload_dependents" && !value.is_boolean()) {
      fail_data("parameters.unload_dependents: expected true or false");
    }
  }
}

std::string v2_no_model(std::string_view name, std::uint64_t version) {
  const std::string model = printable(name, 40);
  return version == 0
             ? fmt::format("Request for unknown model: '{}' is not found", model)
             : fmt::format("Request for unknown model: '{}' version {} is not found", model, version);
}

}  // namespace nn::inference
