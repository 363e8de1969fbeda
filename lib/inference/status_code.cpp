#include "inference/status_code.hpp"

#include <array>
#include <utility>

namespace nn::inference {
namespace {

ErrorKind kind_of(StatusCode code) {
  switch (code) {
    case StatusCode::unavailable:
    case StatusCode::resource_exhausted:
    case StatusCode::deadline_exceeded:
    case StatusCode::aborted:
    case StatusCode::cancelled: return ErrorKind::unavailable;
    case StatusCode::unimplemented: return ErrorKind::unsupported;
    case StatusCode::internal:
    case StatusCode::unknown: return ErrorKind::internal;
    default: return ErrorKind::data;
  }
}

}  // namespace

std::string_view name_of(StatusCode code) {
  static constexpr std::array<std::string_view, 17> names{
      "OK",        "CANCELLED",      "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
      "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
      "ABORTED",   "OUT_OF_RANGE",   "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
      "DATA_LOSS", "UNAUTHENTICATED"};
  return names[static_cast<std::size_t>(code)];
}

StatusCode code_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
    case ErrorKind::data: return StatusCode::invalid_argument;
    case ErrorKind::unsupported: return StatusCode::unimplemented;
    case ErrorKind::unavailable:
    case ErrorKind::device: return StatusCode::unavailable;
    case ErrorKind::io:
    case ErrorKind::internal: break;
  }
  return StatusCode::internal;
}

StatusError::StatusError(StatusCode code, std::string message)
    : Error(kind_of(code), std::move(message)), code_(code) {}

StatusCode code_of(const Error& error) {
  const auto* status = dynamic_cast<const StatusError*>(&error);
  return status != nullptr ? status->code() : code_of(error.kind());
}

}  // namespace nn::inference
