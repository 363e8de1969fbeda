// Google's status codes, by which protocols of RPC say why there is no answer.
#pragma once

#include <cstdint>
#include <string_view>

namespace nn {

// With their numbers (grpc/grpc doc/statuscodes.md).
enum class StatusCode : std::uint8_t {
  ok = 0,
  cancelled = 1,
  unknown = 2,
  invalid_argument = 3,
  deadline_exceeded = 4,
  not_found = 5,
  already_exists = 6,
  permission_denied = 7,
  resource_exhausted = 8,
  failed_precondition = 9,
  aborted = 10,
  out_of_range = 11,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  data_loss = 15,
  unauthenticated = 16
};

std::string_view name_of(StatusCode code);    // "NOT_FOUND"
std::string_view digits_of(StatusCode code);  // "5"

}  // namespace nn
