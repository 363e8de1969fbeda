#include "serve/frontend.hpp"

#include <fmt/format.h>

#include "inference/describe.hpp"
#include "serve/questions.hpp"

namespace nn::serve {
namespace {

using inference::Failure;

constexpr std::uint64_t most_asked = 64 << 10;  // bytes of a body that isn't a request for inference

// The exchange's call, which may have been another request's before.
Call& call_of(http::Exchange& exchange) {
  auto* call = dynamic_cast<Call*>(exchange.work.get());
  if (call != nullptr) return *call;
  exchange.work = std::make_shared<Call>();
  return static_cast<Call&>(*exchange.work);
}

bool is_inference(Action action) {
  switch (action) {
    case Action::predict:
    case Action::classify:
    case Action::regress:
    case Action::infer:
    case Action::stream_infer: return true;
    default: return false;
  }
}

Fault no_such_path(const http::Head& head, const Route& route) {
  if (route.status == 405) return {Failure::method_not_allowed, "Method Not Allowed"};
  if (route.status == 400) return {Failure::invalid, inference::v1_malformed(head.method_text, head.path)};
  if (head.grpc) return {Failure::unsupported, "there is no such method"};
  return {Failure::not_found, "Not Found"};
}

}  // namespace

std::optional<std::uint64_t> Frontend::begin(http::Exchange& exchange) {
  Call& call = call_of(exchange);
  call.clear();
  const http::Head& head = exchange.head();
  find_route(head, call.route);
  if (call.route.action == Action::nothing) {
    fail(exchange, call, no_such_path(head, call.route));
    return std::nullopt;
  }
  return is_inference(call.route.action) ? service_.options.max_body : most_asked;
}

void Frontend::handle(http::Exchange& exchange) {
  Call& call = call_of(exchange);
  if (exchange.head().method == http::Method::options) {
    exchange.response().status = 204;
    exchange.send();
    return;
  }
  if (is_inference(call.route.action)) return calls_.start(exchange, call);
  dispatch(exchange, call);
}

void Frontend::dispatch(http::Exchange& exchange, Call& call) {
  try {
    answer_question(service_, calls_, exchange, call);
  } catch (const Fault& fault) {
    fail(exchange, call, fault);
  } catch (const Error& error) {
    fail(exchange, call, {inference::failure_of(error), error.public_statement()});
  }
  exchange.send();
}

bool Frontend::is_stream(const http::Head&) { return false; }
void Frontend::message(http::Exchange&) {}
void Frontend::half_closed(http::Exchange&) {}
void Frontend::done(http::Exchange&, bool) {}

void Frontend::refuse(std::string_view, std::string_view message, http::Response& response) {
  inference::append_error(response.body, message);
}

}  // namespace nn::serve
