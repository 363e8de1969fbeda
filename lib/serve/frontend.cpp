#include "serve/frontend.hpp"

#include <fmt/format.h>

#include <typeinfo>
#include <utility>
#include <vector>

#include "inference/describe.hpp"
#include "inference/grpc_reflection.hpp"
#include "inference/rest_error.hpp"
#include "serve/questions.hpp"

namespace nn::serve {
namespace {

using inference::Failure;

constexpr std::uint64_t most_asked = 64 << 10;  // bytes of a body that isn't a request for inference

// Nobody derives from Call, and a dynamic_cast takes ten times as long.
Call* find_call(const http::Exchange& exchange) {
  http::Work* work = exchange.work.get();
  return work != nullptr && typeid(*work) == typeid(Call) ? static_cast<Call*>(work) : nullptr;
}

// The exchange's call, which may have been another request's before.
Call& call_of(http::Exchange& exchange) {
  if (Call* call = find_call(exchange)) return *call;
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

bool is_stream_of_messages(Action action) {
  return action == Action::stream_infer || action == Action::health_watch || action == Action::reflection;
}

Fault no_such_path(const http::Head& head, const Route& route) {
  if (route.status == 405) return {Failure::method_not_allowed, "Method Not Allowed"};
  if (route.status == 400) return {Failure::invalid, inference::v1_malformed(head.method_text, head.path)};
  if (head.grpc) return {Failure::unsupported, "there is no such method"};
  return {Failure::not_found, "Not Found"};
}

}  // namespace

// The call is this request's from here on.
void Frontend::begin(http::Exchange& exchange, Call& call) {
  call.clear();
  call.begun = true;
  observer_.come(exchange, call);
}

std::optional<std::uint64_t> Frontend::begin(http::Exchange& exchange) {
  Call& call = call_of(exchange);
  const http::Head& head = exchange.head();
  try {
    begin(exchange, call);
    find_route(head, call.route);
    if (call.route.action == Action::nothing) throw no_such_path(head, call.route);
    if (observer_.admit(exchange, call)) {
      if (head.grpc && is_stream_of_messages(call.route.action)) {
        if (ending_) throw Fault{Failure::unavailable, "the server ends"};
        streams_[&exchange] = exchange.weak_from_this();
      }
      const bool infers = is_inference(call.route.action);
      const Fault* refused = infers && !head.grpc ? calls_.refused_at_door(exchange, call) : nullptr;
      if (refused == nullptr)
        return infers ? service_.operations.settings.max_body.load(std::memory_order_relaxed) : most_asked;
      fail(exchange, call, *refused);
    }
  } catch (const Fault& fault) {
    fail(exchange, call, fault);
  } catch (const Error& error) {
    fail(exchange, call, {inference::failure_of(error), error.public_statement()});
  }
  observer_.decorate(exchange, call);
  return std::nullopt;
}

void Frontend::handle(http::Exchange& exchange) {
  Call& call = call_of(exchange);
  call.whole = true;
  if (exchange.head().method == http::Method::options) {
    std::string key_fields;
    calls_.arms().append_key_fields(key_fields);
    if (!observer_.preflight(exchange, key_fields)) exchange.response().status = 204;
    observer_.decorate(exchange, call);
    exchange.send();
    return;
  }
  if (is_inference(call.route.action)) return calls_.start(exchange, call);
  dispatch(exchange, call);
}

// Whoever asks what a model takes means to ask it next: where it isn't loaded, the question waits for that.
void Frontend::dispatch(http::Exchange& exchange, Call& call, const std::optional<Error>& why_not) {
  try {
    if (call.route.action == Action::load || call.route.action == Action::unload) {
      return admin_.start(exchange, call);
    }
    if (reports_.start(exchange, call)) return;
    answer_question(service_, calls_, exchange, call);
  } catch (Fault& fault) {
    const auto again = [this, &exchange, &call](const auto& why) { dispatch(exchange, call, why); };
    if (calls_.wait_for_model(exchange, call, fault, why_not, again)) return;
    fail(exchange, call, fault);
  } catch (const Error& error) {
    fail(exchange, call, {inference::failure_of(error), error.public_statement()});
  }
  observer_.decorate(exchange, call);
  exchange.send();
}

// Those that end meanwhile are taken out of the list.
void Frontend::end_streams() {
  ending_ = true;
  std::vector<std::shared_ptr<http::Exchange>> open;
  for (const auto& [address, stream] : streams_) {
    if (auto exchange = stream.lock()) open.push_back(std::move(exchange));
  }
  for (const auto& exchange : open) {
    auto* const stream = dynamic_cast<InferStream*>(exchange->work.get());
    if (stream != nullptr) stream->ending = true;
    if (stream == nullptr || stream->idle()) end_stream(*exchange);
  }
}

bool Frontend::is_stream(const http::Head& head) {
  if (!head.grpc) return false;
  Route route;
  find_route(head, route);
  return is_stream_of_messages(route.action);
}

void Frontend::message(http::Exchange& exchange) {
  if (auto* stream = dynamic_cast<InferStream*>(exchange.work.get())) {
    if (stream->ending) return;
    return calls_.start(exchange, stream->next());
  }
  Call& call = call_of(exchange);
  call.whole = true;
  if (call.route.action == Action::stream_infer) {
    auto stream = std::make_shared<InferStream>(exchange);
    stream->route = call.route;
    stream->token = call.token;
    exchange.work = stream;
    return calls_.start(exchange, stream->next());
  }
  const bool first = std::exchange(call.open_stream, &exchange) == nullptr;
  try {
    if (call.route.action == Action::reflection) {
      inference::append_reflection_answer(exchange.response().body, exchange.body());
      return exchange.send_message();
    }
    if (first) return health_.watch(exchange);
    fail(exchange, call, {Failure::unsupported, "there is more than one message, and one is wanted"});
  } catch (const Error& error) {
    fail(exchange, call, {inference::failure_of(error), error.public_statement()});
  }
  exchange.send();
}

// Whoever watches health has sent all that there is to say with the first message, and goes on listening.
void Frontend::half_closed(http::Exchange& exchange) {
  if (auto* stream = dynamic_cast<InferStream*>(exchange.work.get())) {
    stream->half_closed = true;
    if (stream->idle()) exchange.send();
  } else if (call_of(exchange).route.action != Action::health_watch) {
    exchange.send();  // a stream without a message
  }
}

// The messages of a stream are told of one by one.
void Frontend::done(http::Exchange& exchange, bool sent) {
  streams_.erase(&exchange);
  Call* call = find_call(exchange);
  if (call == nullptr) return;
  if (call->route.action == Action::health_watch) health_.forget(exchange);
  observer_.ended(exchange, *call, sent);
  call->begun = false;
  call->let_go();
}

void Frontend::look() {
  calls_.look();
  health_.look();
}

// What is wrong with a message of a stream is told to its client alone.
void Frontend::refuse(http::Exchange& exchange, http::Refusal& refusal) {
  const http::Head& head = exchange.head();
  if (dynamic_cast<InferStream*>(exchange.work.get()) == nullptr) {
    Call& call = call_of(exchange);
    if (!call.begun) {
      begin(exchange, call);
      call.route = {};
    }
    if (refusal.http_status == 413 && is_inference(call.route.action))
      refusal.message += "; whoever runs the server can raise it (max-body, max-inflated)";
    observer_.refused(exchange, call, refusal);
  }
  if (!head.grpc) inference::append_error(exchange.response().body, refusal.message);
}

}  // namespace nn::serve
