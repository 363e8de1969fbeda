// Why a request has no answer, and how HTTP and gRPC say so.
#pragma once

#include <cstdint>

#include "base/error.hpp"
#include "base/status_code.hpp"

namespace nn::inference {

// What clients of inference protocols tell apart (tensorflow/serving util/net_http, http_rest_api_util.cc).
// failure.cpp has their statuses.
enum class Failure : std::uint8_t {
  invalid,
  unauthenticated,
  forbidden,
  not_found,
  method_not_allowed,
  conflict,
  too_large,
  unsupported_media,
  exhausted,
  cancelled,
  internal,
  unsupported,
  unavailable,
  late
};
int http_status_of(Failure failure);
StatusCode status_code_of(Failure failure);  // gRPC's

// Data and usage errors are the client's (invalid); what is unsupported or unavailable is that, all else is
// internal.
Failure failure_of(const Error& error);

}  // namespace nn::inference
