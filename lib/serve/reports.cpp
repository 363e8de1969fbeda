#include "serve/reports.hpp"

#include <fmt/format.h>

#include <random>

#include "inference/describe.hpp"
#include "inference/grpc_describe.hpp"
#include "serve/metrics.hpp"
#include "serve/status.hpp"
#include "serve/status_files.hpp"

namespace nn::serve {
namespace {

using inference::Failure;

std::string_view accepted(const http::Exchange& exchange) {
  return exchange.head().fields.find("accept").value_or("");
}

void tell_metrics(const Service& service, http::Exchange& exchange) {
  MetricsPage page = metrics_page(service, wants_open_metrics(accepted(exchange)));
  http::Response& response = exchange.response();
  response.body = std::move(page.text);
  response.content_type = page.content_type;
  response.may_compress = true;
}

void tell_statistics(const Service& service, http::Exchange& exchange, const Route& route) {
  if (!route.model.empty() && service.catalog.get()->models.find(route.model) == nullptr) {
    throw Fault{Failure::not_found, inference::v2_no_model(route.model, route.version)};
  }
  const Totals totals = service.operations.counters.totals();
  const Statistics statistics = statistics_of(totals, service.catalog.get(), route.model, route.version);
  std::string& body = exchange.response().body;
  if (exchange.head().grpc) return inference::append_model_statistics(body, statistics.models);
  inference::append_v2_statistics(body, statistics.models);
}

std::string make_nonce() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
}

// Browsers get the page, terminals a text, and programs JSON.
void tell_status(const Service& service, http::Exchange& exchange, const Route& route) {
  http::Response& response = exchange.response();
  const ServerStatus status = status_of(service, Clock::machine().now());
  const std::string_view accept = accepted(exchange);
  response.fields.add("cache-control", "no-store");
  response.may_compress = true;
  if (route.action == Action::status_page && accept.find("text/html") != std::string_view::npos) {
    const std::string nonce = make_nonce();
    response.body = status_page(status, nonce);
    response.content_type = "text/html; charset=utf-8";
    response.fields.add("content-security-policy", status_policy(nonce));
    response.fields.add("x-content-type-options", "nosniff");
    response.fields.add("referrer-policy", "no-referrer");
  } else if (route.action == Action::status_page && accept.starts_with("text/plain")) {
    response.body = status_text(status);
    response.content_type = "text/plain; charset=utf-8";
  } else {
    response.body = status_json(status);
  }
}

}  // namespace

bool answer_report(Service& service, http::Exchange& exchange, Call& call) {
  switch (call.route.action) {
    case Action::metrics: tell_metrics(service, exchange); return true;
    case Action::stats: tell_statistics(service, exchange, call.route); return true;
    case Action::status_page:
    case Action::status_json: tell_status(service, exchange, call.route); return true;
    case Action::openapi:
      exchange.response().body = openapi_yaml;
      exchange.response().content_type = "application/yaml";
      exchange.response().may_compress = true;
      return true;
    default: return false;
  }
}

}  // namespace nn::serve
