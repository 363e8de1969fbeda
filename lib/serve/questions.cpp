#include "serve/questions.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/version.hpp"
#include "inference/describe.hpp"
#include "inference/grpc_describe.hpp"
#include "inference/grpc_tensorflow.hpp"
#include "serve/status_files.hpp"

namespace nn::serve {
namespace {

using inference::Failure;

const serving::ModelEntry& entry_of(const serving::Catalog& catalog, const Route& route) {
  const auto* entry = catalog.models.find(route.model);
  if (entry != nullptr) return entry->value;
  throw Fault{Failure::not_found, route.protocol != Protocol::v2 && route.protocol != Protocol::grpc_v2
                                      ? inference::v1_no_version(route.model, route.version)
                                      : inference::v2_no_model(route.model, route.version)};
}

void tell_status(const Service& service, const Route& route, bool grpc, std::string& body) {
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
  if (grpc) return inference::append_model_status(body, model, version);
  inference::append_v1_status(body, route.model, model, version);
}

// What is told of a version by the Open Inference Protocol, over HTTP or gRPC.
struct Described {
  std::shared_ptr<Served> served;
  std::vector<std::uint64_t> versions;
  std::vector<std::string_view> labels;
  std::shared_ptr<const serving::Catalog> catalog;  // whose texts they are

  inference::V2ModelWords words() const {
    const serving::Servable& servable = *served->servable;
    return {servable.name(), versions, servable.digest(), labels, servable.members()};
  }
};

Described describe(const Service& service, Calls& calls, const Route& route) {
  Described out;
  const auto servable = calls.find(route, route.model);
  out.served = calls.versions().of(servable);
  out.catalog = service.catalog.get();
  const serving::ModelEntry& model = entry_of(*out.catalog, route);
  for (const auto& [number, version] : model.versions) {
    if (version.servable && (route.version == 0 || route.version == number)) out.versions.push_back(number);
  }
  for (const auto& [label, number] : model.labels) {
    if (number == servable->version()) out.labels.push_back(label);
  }
  return out;
}

void tell_metadata(const Service& service, Calls& calls, http::Exchange& exchange, const Route& route) {
  std::string& body = exchange.response().body;
  const Described described = describe(service, calls, route);
  const inference::Signature& signature = described.served->signature;
  if (route.protocol == Protocol::v1) {
    inference::append_v1_metadata(body, route.model, described.served->servable->version(), signature);
  } else if (route.protocol == Protocol::grpc_tensorflow) {
    inference::append_signatures(body, route.model, described.served->servable->version(), signature);
  } else if (route.protocol == Protocol::v2) {
    inference::append_v2_metadata(body, described.words(), signature);
  } else {
    inference::append_model_metadata(body, described.words(), signature);
  }
}

// A member that is no version of a model is a model of its own name.
std::vector<inference::V2ConfigWords::Step> steps_of(const serving::Servable& servable) {
  std::vector<inference::V2ConfigWords::Step> steps;
  for (const std::string_view member : servable.members()) {
    const auto slash = member.find('/');
    const std::string_view version = member.substr(std::min(slash, member.size() - 1) + 1);
    std::uint64_t number = 0;
    if (slash != std::string_view::npos)
      std::from_chars(version.data(), version.data() + version.size(), number);
    steps.push_back({member.substr(0, slash), number});
  }
  return steps;
}

void tell_config(const Service& service, Calls& calls, http::Exchange& exchange, const Route& route) {
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
  const std::vector<inference::V2ConfigWords::Step> steps = steps_of(*servable);
  words.members = steps;
  std::string& body = exchange.response().body;
  if (route.protocol == Protocol::v2) return inference::append_v2_config(body, words, signature);
  inference::append_model_config(body, words, signature);
}

// A model that is loaded when somebody asks for it is ready: a request is answered, if a little later. To ask
// whether it is must not load it, or whoever looks every second would keep all models loaded.
bool is_model_ready(const Service& service, Calls& calls, const Route& route) {
  if (route.protocol == Protocol::v2) entry_of(*service.catalog.get(), route);
  if (service.draining.load(std::memory_order_relaxed)) return false;
  try {
    calls.find(route, route.model);
    return true;
  } catch (const Fault& fault) {
    if (!fault.cold.empty()) return true;
    // Over gRPC a model that nobody knows isn't ready; over HTTP it isn't found.
    if (fault.failure == Failure::not_found && route.protocol == Protocol::v2) throw;
    return false;
  }
}

void tell_ready(const Service& service, Calls& calls, http::Exchange& exchange, const Route& route) {
  http::Response& response = exchange.response();
  const bool of_server = route.action == Action::server_ready;
  const bool ready = of_server ? service.ready() : is_model_ready(service, calls, route);
  if (route.protocol == Protocol::grpc_v2) return inference::append_ready(response.body, ready);
  if (!ready) response.status = 503;
  if (of_server) return inference::append_v2_ready(response.body, ready);
  inference::append_v2_model_ready(response.body, route.model, ready);
}

void tell_live(http::Exchange& exchange, const Route& route) {
  std::string& body = exchange.response().body;
  if (route.protocol == Protocol::grpc_v2) return inference::append_ready(body, true);
  inference::append_v2_live(body, true);
}

void tell_server(http::Exchange& exchange, const Route& route) {
  std::string& body = exchange.response().body;
  if (route.protocol == Protocol::grpc_v2) return inference::append_server_metadata(body, tools_version());
  inference::append_v2_server(body, tools_version());
}

void tell_models(const Service& service, std::string& body) {
  const auto catalog = service.catalog.get();
  std::vector<std::string_view> names;
  for (const auto& entry : catalog->models) names.push_back(entry.name);
  inference::append_v1_models(body, names);
}

void tell_index(const Service& service, http::Exchange& exchange, const Route& route) {
  const bool grpc = route.protocol == Protocol::grpc_v2;
  const bool only_ready =
      grpc ? inference::read_index_query(exchange.body()) : inference::parse_v2_index(exchange.body());
  const auto entries = inference::index_of(*service.catalog.get(), only_ready);
  if (grpc) return inference::append_repository_index(exchange.response().body, entries);
  inference::append_v2_index(exchange.response().body, entries);
}

// The services that a health check may name, besides models.
constexpr std::array<std::string_view, 3> services{"", "inference.GRPCInferenceService",
                                                   "tensorflow.serving.PredictionService"};

void take_tensorflow_model(http::Exchange& exchange, Route& route) {
  const inference::ModelSpec spec = route.action == Action::model
                                        ? inference::read_status_query(exchange.body())
                                        : inference::read_metadata_query(exchange.body());
  route.model = spec.name;
  route.version = spec.version;
  route.label = spec.label;
}

}  // namespace

void take_model(http::Exchange& exchange, Route& route) {
  if (route.protocol != Protocol::grpc_v2) return;
  switch (route.action) {
    case Action::model:
    case Action::ready:
    case Action::config:
    case Action::stats: {
      const inference::ModelQuery query = inference::read_model_query(exchange.body());
      route.model = query.name;
      route.version = inference::parse_model_version(query.version);
      break;
    }
    default: break;
  }
}

inference::Health health_of(const Service& service, std::string_view name) {
  if (std::find(services.begin(), services.end(), name) != services.end()) {
    return service.ready() ? inference::Health::serving : inference::Health::not_serving;
  }
  const auto catalog = service.catalog.get();
  if (catalog->models.find(name) == nullptr) return inference::Health::service_unknown;
  const serving::Catalog::Found found = catalog->find(name);
  const bool answers = !service.draining && (found.servable || !found.cold.empty());
  return answers ? inference::Health::serving : inference::Health::not_serving;
}

void answer_question(Service& service, Calls& calls, http::Exchange& exchange, Call& call) {
  http::Response& response = exchange.response();
  Route& route = call.route;
  take_model(exchange, route);
  if (route.protocol == Protocol::grpc_tensorflow) take_tensorflow_model(exchange, route);
  switch (route.action) {
    case Action::list: tell_models(service, response.body); break;
    case Action::model:
      if (route.protocol == Protocol::v1 || route.protocol == Protocol::grpc_tensorflow) {
        tell_status(service, route, exchange.head().grpc, response.body);
      } else {
        tell_metadata(service, calls, exchange, route);
      }
      break;
    case Action::metadata: tell_metadata(service, calls, exchange, route); break;
    case Action::config: tell_config(service, calls, exchange, route); break;
    case Action::ready:
    case Action::server_ready: tell_ready(service, calls, exchange, route); break;
    case Action::live: tell_live(exchange, route); break;
    case Action::server: tell_server(exchange, route); break;
    case Action::index: tell_index(service, exchange, route); break;
    case Action::health_check: {
      const inference::Health health = health_of(service, inference::read_health_query(exchange.body()));
      if (health == inference::Health::service_unknown)
        throw Fault{Failure::not_found, "no service of that name"};
      inference::append_health(response.body, health);
      break;
    }
    case Action::openapi:
      response.body = openapi_yaml;
      response.content_type = "application/yaml";
      response.may_compress = true;
      break;
    case Action::explain:
      throw Fault{Failure::unsupported,
                  "no model here explains its predictions; :predict, :classify and :regress are answered"};
    default: throw Fault{Failure::unsupported, "it can't be asked for here"};
  }
  call.status = exchange.head().grpc ? 0 : response.status;
}

}  // namespace nn::serve
