// What protocols tell of a server and its models: statuses, metadata, configuration, statistics. All
// functions append JSON.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "inference/signature.hpp"
#include "serving/catalog.hpp"

namespace nn::inference {

// ---- TensorFlow Serving

// GET /v1/models.
void append_v1_models(std::string& body, std::span<const std::string_view> names);
// All versions, newest first, or only one. With KServe's name and ready.
void append_v1_status(std::string& body, std::string_view name, const serving::ModelEntry& model,
                      std::uint64_t only_version = 0);
void append_v1_metadata(std::string& body, std::string_view name, std::uint64_t version,
                        const Signature& signature);
// The texts of its errors: "Servable not found for request: Latest(m)", "… Specific(m, 9)"; "Could not find
// any versions of model m"; "Unrecognized servable version label: x"; "Malformed request: POST /v1/x".
std::string v1_no_servable(std::string_view name, std::uint64_t version);
std::string v1_no_version(std::string_view name, std::uint64_t version);
std::string v1_no_label(std::string_view label);
std::string v1_malformed(std::string_view method, std::string_view path);

// ---- Open Inference Protocol

// What is offered besides the protocol itself, by the names that clients look for.
inline constexpr std::array<std::string_view, 7> v2_extensions{
    "classification",      "model_repository",   "model_repository(unload_dependents)",
    "model_configuration", "binary_tensor_data", "parameters",
    "statistics"};
void append_v2_server(std::string& body, std::string_view server_version);
void append_v2_live(std::string& body, bool live);
void append_v2_ready(std::string& body, bool ready);
void append_v2_model_ready(std::string& body, std::string_view name, bool ready);
struct V2ModelWords {
  std::string_view name;
  std::span<const std::uint64_t> versions;    // those that answer, or the one that was asked for
  std::string_view digest;                    // of the version that is described; empty: not told
  std::span<const std::string_view> labels;   // which point to it
  std::span<const std::string> members = {};  // of an ensemble
};
void append_v2_metadata(std::string& body, const V2ModelWords& words, const Signature& signature);
// What a ModelConfig says (triton-inference-server: model_config.proto).
struct V2ConfigWords {
  std::string_view name;
  std::int64_t latest_versions = 1;  // of the policy; 0: all
  std::int64_t max_rows = 0;         // of a request; max_batch_size
  std::span<const std::string> devices;
  struct Step {
    std::string_view model;
    std::uint64_t version = 0;  // 0: the newest
  };
  std::span<const Step> members = {};  // of an ensemble
};
void append_v2_config(std::string& body, const V2ConfigWords& words, const Signature& signature);

// Counters of a version, since it was loaded.
struct Duration {
  std::uint64_t count = 0, ns = 0;
};
struct BatchStatistics {
  std::uint64_t batch_size = 0;
  Duration compute_input, compute_infer, compute_output;
};
struct ModelStatistics {
  std::string_view name;
  std::uint64_t version = 0;
  std::uint64_t last_inference_ms = 0;  // since 1970
  std::uint64_t inference_count = 0;    // rows
  std::uint64_t execution_count = 0;    // batches
  Duration success, fail, queue, compute_input, compute_infer, compute_output;
  std::span<const BatchStatistics> batches;
};
void append_v2_statistics(std::string& body, std::span<const ModelStatistics> models);

struct IndexEntry {
  std::string_view name;
  std::uint64_t version = 0;  // 0: the folder has none
  serving::VersionState state = serving::VersionState::start;
  std::string reason;  // of an end
};
// READY, LOADING, UNLOADING, UNAVAILABLE.
std::string_view v2_state(serving::VersionState state);
// Models of a catalog, or of it those that are ready.
std::vector<IndexEntry> index_of(const serving::Catalog& catalog, bool only_ready);
void append_v2_index(std::string& body, std::span<const IndexEntry> entries);
// Reads the body of POST /v2/repository/index: does it ask for only those that are ready? Empty: no.
bool parse_v2_index(std::string_view body);
// Reads the body of a load or unload. Data error where it brings files or a configuration along.
void check_v2_load(std::string_view body);
// "Request for unknown model: 'm' is not found", "… 'm' version 9 is not found".
std::string v2_no_model(std::string_view name, std::uint64_t version);

}  // namespace nn::inference
