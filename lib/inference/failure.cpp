#include "inference/failure.hpp"

namespace nn::inference {
namespace {

struct Statuses {
  int http;
  StatusCode grpc;
};

// A switch, so that the compiler sees where a failure has none.
constexpr Statuses statuses_of(Failure failure) {
  switch (failure) {
    case Failure::invalid: return {400, StatusCode::invalid_argument};
    case Failure::unauthenticated: return {401, StatusCode::unauthenticated};
    case Failure::forbidden: return {403, StatusCode::permission_denied};
    case Failure::not_found: return {404, StatusCode::not_found};
    case Failure::method_not_allowed: return {405, StatusCode::unimplemented};
    case Failure::conflict: return {409, StatusCode::aborted};
    case Failure::too_large: return {413, StatusCode::resource_exhausted};
    case Failure::unsupported_media: return {415, StatusCode::unimplemented};
    case Failure::exhausted: return {429, StatusCode::resource_exhausted};
    case Failure::cancelled: return {499, StatusCode::cancelled};
    case Failure::internal: break;
    case Failure::unsupported: return {501, StatusCode::unimplemented};
    case Failure::unavailable: return {503, StatusCode::unavailable};
    case Failure::late: return {504, StatusCode::deadline_exceeded};
  }
  return {500, StatusCode::internal};
}

}  // namespace

int http_status_of(Failure failure) { return statuses_of(failure).http; }
StatusCode status_code_of(Failure failure) { return statuses_of(failure).grpc; }

Failure failure_of(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::usage:
    case ErrorKind::data: return Failure::invalid;
    case ErrorKind::unavailable: return Failure::unavailable;
    case ErrorKind::unsupported: return Failure::unsupported;
    case ErrorKind::io:
    case ErrorKind::device:
    case ErrorKind::internal: break;
  }
  return Failure::internal;
}

}  // namespace nn::inference
