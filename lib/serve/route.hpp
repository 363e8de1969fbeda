// What a request asks for, from its method and path.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/exchange.hpp"
#include "inference/route.hpp"

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
  reflection,
  // administration
  index,
  load,
  unload,
};

// A path of REST has its model, version and label in it; gRPC has them in its messages.
struct Route : inference::Route {
  Protocol protocol = Protocol::plain;
  Action action = Action::nothing;
  int status = 404;             // of Action::nothing
  std::string_view allow = {};  // of 405: "GET, HEAD"
};

// Overwrites `route`, whose memory is used again. Queries are ignored. Data errors as
// inference::parse_route() has them.
void find_route(const http::Head& head, Route& route);

}  // namespace nn::serve
