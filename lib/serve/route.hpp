// What a request asks for, from its method and path.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "http/exchange.hpp"

namespace nn::serve {

// Whose words the answer is in.
enum class Protocol : std::uint8_t { plain, v1, v2, grpc_v2, grpc_tensorflow, grpc_health };

enum class Action : std::uint8_t {
  nothing,  // no such path: `status` says 404, 405 or 400
  // inference
  predict,
  classify,
  regress,
  explain,
  infer,
  stream_infer,
  // questions about models
  list,
  model,     // v1: status; v2: metadata
  metadata,  // v1
  ready,
  config,
  stats,
  // the server
  server,
  live,
  server_ready,
  metrics,
  status_page,
  status_json,
  openapi,
  // gRPC's own
  health_check,
  health_watch,
  // administration
  index,
  load,
  unload,
};

struct Route {
  Protocol protocol = Protocol::plain;
  Action action = Action::nothing;
  std::string model;          // percent-decoded; empty where the path has none
  std::uint64_t version = 0;  // 0: none is named
  std::string label;
  bool bad_version = false;     // it is no number, or too large for one
  int status = 404;             // of Action::nothing
  std::string_view allow = {};  // of 405: "GET, HEAD"
};

// Overwrites `route`, whose memory is used again. Queries are ignored. "%2F", "..", and what isn't UTF-8 in a
// name are no such path. The paths of TensorFlow Serving are compared without regard to case, as it does.
void find_route(const http::Head& head, Route& route);

}  // namespace nn::serve
