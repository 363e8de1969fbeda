// The codes with which inference protocols say why there is no answer, and errors that carry one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace nn::inference {

// Google's codes (grpc/grpc doc/statuscodes.md), with their numbers there.
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
std::string_view name_of(StatusCode code);  // "NOT_FOUND"

// The code of an error that has none: of usage and data it is invalid_argument.
StatusCode code_of(ErrorKind kind);

// An error with a code, where its kind doesn't tell enough. It is lost where the error is copied as a plain
// one: within(), advise() and the like.
class StatusError : public Error {
 public:
  StatusError(StatusCode code, std::string message);
  StatusCode code() const noexcept { return code_; }

 private:
  StatusCode code_;
};

// The error's own code, or that of its kind.
StatusCode code_of(const Error& error);

}  // namespace nn::inference
