#include "serve/streams.hpp"

#include <new>

namespace nn::serve {

void InferStream::gone() {
  half_closed = true;
  for (const auto& call : calls) call->gone();
  if (idle()) exchange.send();
}

Call& InferStream::next() {
  if (free.empty()) {
    calls.push_back(std::make_shared<Call>());
    free.push_back(calls.back().get());
  }
  Call& call = *free.back();
  free.pop_back();
  call.clear();
  call.route.protocol = route.protocol;
  call.route.action = route.action;
  call.token = token;
  call.stream = this;
  return call;
}

bool InferStream::hold(Call& call) const {
  const std::string_view message = exchange.body();
  if (!exchange.hold(message.size())) return false;
  try {
    call.message.assign(message);
  } catch (const std::bad_alloc&) {
    exchange.give_back(message.size());
    return false;
  }
  return true;
}

void InferStream::over(Call& call) {
  if (!call.message.empty()) {
    exchange.give_back(call.message.size());
    call.message = std::string();
  }
  free.push_back(&call);
  if (!idle()) return;
  if (half_closed) return exchange.send();
  if (ending) end_stream(exchange);
}

void end_stream(http::Exchange& exchange) {
  http::Response& response = exchange.response();
  response.body.clear();
  response.grpc_status = StatusCode::unavailable;
  response.grpc_message = "the server ends";
  exchange.send();
}

void HealthWatch::tell(http::Exchange& exchange, inference::Health health) {
  exchange.response().body.clear();
  inference::append_health(exchange.response().body, health);
  exchange.send_message();
}

void HealthWatch::watch(http::Exchange& exchange) {
  const std::string service(inference::read_health_query(exchange.body()));
  const inference::Health health = health_of(service_, service);
  watchers_.push_back({exchange.weak_from_this(), &exchange, service, health});
  tell(exchange, health);
}

void HealthWatch::look() {
  for (auto watcher = watchers_.begin(); watcher != watchers_.end();) {
    const auto exchange = watcher->exchange.lock();
    const bool ended = !exchange || exchange->gone();
    if (!ended) {
      const inference::Health health = health_of(service_, watcher->service);
      if (health != watcher->told) tell(*exchange, watcher->told = health);
    }
    watcher = ended ? watchers_.erase(watcher) : std::next(watcher);
  }
}

void HealthWatch::forget(const http::Exchange& exchange) {
  watchers_.remove_if([&](const Watcher& watcher) { return watcher.address == &exchange; });
}

}  // namespace nn::serve
