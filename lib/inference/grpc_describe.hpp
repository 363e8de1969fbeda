// The other messages of gRPC's inference.GRPCInferenceService, and those of grpc.health.v1: what a server
// tells of itself and its models. Readers throw data errors; functions that append do so to the message of an
// answer.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "inference/describe.hpp"

namespace nn::inference {

// ModelReadyRequest, ModelMetadataRequest, ModelConfigRequest, ModelStatisticsRequest: views of the message.
struct ModelQuery {
  std::string_view name;  // empty in statistics: all models
  std::string_view version;
};
ModelQuery read_model_query(std::string_view message);
// The number of a version as these protocols have it, a text; 0 where it is empty. Data error where it is
// none.
std::uint64_t parse_model_version(std::string_view text);

// RepositoryIndexRequest: does it ask for only those that are ready?
bool read_index_query(std::string_view message);
// RepositoryModelLoadRequest and -UnloadRequest: the model's name, a view of the message. Data errors where
// there is none, and where it brings files or a configuration along. The field's number in KServe's own
// protocol file is understood, too.
std::string_view read_repository_model(std::string_view message);

// ServerLive, ServerReady, ModelReady.
void append_ready(std::string& message, bool ready);
void append_server_metadata(std::string& message, std::string_view server_version);
void append_model_metadata(std::string& message, const V2ModelWords& words, const Signature& signature);
void append_model_config(std::string& message, const V2ConfigWords& words, const Signature& signature);
void append_model_statistics(std::string& message, std::span<const ModelStatistics> models);
void append_repository_index(std::string& message, std::span<const IndexEntry> entries);

// grpc.health.v1 (grpc/grpc doc/health-checking.md), with its numbers.
enum class Health : std::uint8_t { unknown = 0, serving = 1, not_serving = 2, service_unknown = 3 };
// HealthCheckRequest: the service, a view of the message; empty: the server.
std::string_view read_health_query(std::string_view message);
void append_health(std::string& message, Health health);

}  // namespace nn::inference
