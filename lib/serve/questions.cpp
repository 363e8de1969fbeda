#include "serve/questions.hpp"

#include <algorithm>

#include "base/version.hpp"
#include "inference/describe.hpp"

namespace nn::serve {
namespace {

using inference::Failure;

const serving::ModelEntry& entry_of(const serving::Catalog& catalog, const Route& route) {
  const auto* entry = catalog.models.find(route.model);
  if (entry != nullptr) return entry->value;
  throw Fault{Failure::not_found, route.protocol == Protocol::v1
                                      ? inference::v1_no_version(route.model, route.version)
                                      : inference::v2_no_model(route.model, route.version)};
}

void tell_status(const Service& service, const Route& route, std::string& body) {
  const auto catalog = service.catalog.get();
  const serving::ModelEntry& model = entry_of(*catalog, route);
  std::uint64_t version = route.version;
  if (!route.label.empty()) {
    const auto label = model.labels.find(route.label);
    if (label == model.labels.end()) throw Fault{Failure::invalid, inference::v1_no_label(route.label)};
    version = label->second;
  }
  if (version != 0 && !model.versions.contains(version)) {
    throw Fault{Failure::not_found, inference::v1_no_version(route.model, version)};
  }
  inference::append_v1_status(body, route.model, model, version);
}

void tell_metadata(const Service& service, Calls& calls, const Route& route, std::string& body) {
  const auto servable = calls.find(route, route.model);
  const inference::Signature& signature = calls.versions().of(servable)->signature;
  if (route.protocol == Protocol::v1) {
    return inference::append_v1_metadata(body, route.model, servable->version(), signature);
  }
  const auto catalog = service.catalog.get();
  const serving::ModelEntry& model = entry_of(*catalog, route);
  std::vector<std::uint64_t> versions;
  for (const auto& [number, version] : model.versions) {
    if (version.servable && (route.version == 0 || route.version == number)) versions.push_back(number);
  }
  std::vector<std::string> labels;
  for (const auto& [label, number] : model.labels) {
    if (number == servable->version()) labels.push_back(label);
  }
  inference::append_v2_metadata(body, {route.model, versions, servable->digest(), labels}, signature);
}

void tell_config(const Service& service, Calls& calls, const Route& route, std::string& body) {
  const auto servable = calls.find(route, route.model);
  const inference::Signature& signature = calls.versions().of(servable)->signature;
  std::vector<std::string> devices;
  for (const backend::Device& device : service.options.devices) devices.push_back(backend::to_string(device));
  const repository::VersionPolicy& policy = service.options.policy;
  inference::V2ConfigWords words;
  words.name = route.model;
  words.latest_versions =
      policy.kind == repository::VersionPolicy::Kind::latest ? static_cast<std::int64_t>(policy.count) : 0;
  words.max_rows = service.options.max_rows;
  words.devices = devices;
  inference::append_v2_config(body, words, signature);
}

void tell_ready(const Service& service, Calls& calls, http::Exchange& exchange, const Route& route) {
  http::Response& response = exchange.response();
  bool ready = false;
  if (route.action == Action::server_ready) {
    ready = service.ready();
    inference::append_v2_ready(response.body, ready);
  } else {
    entry_of(*service.catalog.get(), route);
    try {
      calls.find(route, route.model);
      ready = true;
    } catch (const Fault& fault) {
      if (fault.failure == Failure::not_found) throw;
    }
    inference::append_v2_model_ready(response.body, route.model, ready);
  }
  if (!ready) response.status = 503;
}

void tell_models(const Service& service, std::string& body) {
  const auto catalog = service.catalog.get();
  std::vector<std::string_view> names;
  for (const auto& entry : catalog->models) names.push_back(entry.name);
  inference::append_v1_models(body, names);
}

void tell_index(const Service& service, http::Exchange& exchange) {
  const bool only_ready = inference::parse_v2_index(exchange.body());
  const auto entries = inference::index_of(*service.catalog.get(), only_ready);
  inference::append_v2_index(exchange.response().body, entries);
}

}  // namespace

void answer_question(Service& service, Calls& calls, http::Exchange& exchange, Call& call) {
  http::Response& response = exchange.response();
  const Route& route = call.route;
  switch (route.action) {
    case Action::list: tell_models(service, response.body); break;
    case Action::model:
      if (route.protocol == Protocol::v1) {
        tell_status(service, route, response.body);
      } else {
        tell_metadata(service, calls, route, response.body);
      }
      break;
    case Action::metadata: tell_metadata(service, calls, route, response.body); break;
    case Action::config: tell_config(service, calls, route, response.body); break;
    case Action::ready:
    case Action::server_ready: tell_ready(service, calls, exchange, route); break;
    case Action::live: inference::append_v2_live(response.body, true); break;
    case Action::server: inference::append_v2_server(response.body, tools_version()); break;
    case Action::index: tell_index(service, exchange); break;
    default: throw Fault{Failure::unsupported, "it can't be asked for yet"};
  }
  call.status = response.status;
}

}  // namespace nn::serve
