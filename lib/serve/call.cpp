#include "serve/call.hpp"

#include <fmt/format.h>

#include "inference/rest_error.hpp"

namespace nn::serve {

void Call::clear() {
  served.reset();
  patience.reset();
  message.clear();
  arm = {};
  arms.reset();
  role = Role::other;
  by_rows = false;
  open_stream = nullptr;
  whole = false;
  status = 0;
  failure.reset();
  error.clear();
  members.present.clear();
  members.missing.clear();
  counted = nullptr;
  times = {};
  id.clear();
  has_own_id = false;
  token.clear();
}

// Whoever told of the end of the computation may have it as well, and wants nothing of it.
void Call::let_go() {
  if (computation && computation->exchange) return;
  served.reset();
  arms.reset();
  arm = {};
  counted = nullptr;
  if (computation) computation->binding.reset();
}

namespace {

void add_number(http::Fields& fields, std::string_view name, std::int64_t value) {
  const fmt::format_int text(value);
  fields.add(name, std::string_view(text.data(), text.size()));
}

}  // namespace

void note_fault(Call& call, const Fault& fault) {
  call.failure = fault.failure;
  call.error = fault.message;
  call.status = static_cast<int>(inference::status_code_of(fault.failure));
}

void fail(http::Exchange& exchange, Call& call, const Fault& fault) {
  http::Response& response = exchange.response();
  response.body.clear();
  note_fault(call, fault);
  if (exchange.head().grpc) {
    response.grpc_status = inference::status_code_of(fault.failure);
    response.grpc_message = fault.message;
    if (fault.retry_after.count() > 0) {
      add_number(response.trailers, "grpc-retry-pushback-ms", fault.retry_after.count());
    }
    call.status = static_cast<int>(response.grpc_status);
    return;
  }
  response.status = inference::http_status_of(fault.failure);
  response.content_type = "application/json";
  inference::append_error(response.body, fault.message);
  if (fault.retry_after.count() > 0) {
    add_number(response.fields, "retry-after", (fault.retry_after.count() + 999) / 1000);
    add_number(response.fields, "x-retry-after-ms", fault.retry_after.count());
  }
  if (fault.failure == inference::Failure::unauthenticated) response.fields.add("www-authenticate", "Bearer");
  if (fault.failure == inference::Failure::method_not_allowed) response.fields.add("allow", call.route.allow);
  call.status = response.status;
}

}  // namespace nn::serve
