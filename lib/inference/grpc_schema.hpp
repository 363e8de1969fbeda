// The messages and services that are spoken over gRPC, as data: what protobuf's library has as descriptors
// (google/protobuf/descriptor.proto).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nn::inference {

// A file of messages and services, by the name with which others depend on it.
struct SchemaFile {
  std::string name;
  std::string descriptor;                 // a FileDescriptorProto
  std::vector<std::string> dependencies;  // names of files
  std::vector<std::string> services;      // full names
  std::vector<std::string> symbols;       // full names of messages, enumerations, services and methods
};

// All of them, those that others depend on first. Made when it is first asked for; thread-safe.
const std::vector<SchemaFile>& schema_files();

// Reads a file's words:
//   file grpc/health/v1/health.proto grpc.health.v1
//   depends other.proto
//   message HealthCheckResponse
//     enum ServingStatus UNKNOWN=0 SERVING=1        of the message; of the file where it stands before any
//     ServingStatus status 1                        names of the file's package go without it
//     repeated string texts 2
//     map string Value values 3
//     oneof choice bool bool_param 4                fields of a oneof follow each other
//   message HealthCheckResponse.Inner               is in the one of the name before the point
//   service Health
//     rpc Check HealthCheckRequest HealthCheckResponse
//     rpc Watch HealthCheckRequest stream HealthCheckResponse
SchemaFile read_schema(std::string_view words);

}  // namespace nn::inference
