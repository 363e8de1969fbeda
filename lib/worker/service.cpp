#include "worker/service.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <nlohmann/json.hpp>

#include "base/json_text.hpp"
#include "base/scheduling.hpp"
#include "base/version.hpp"
#include "worker/session.hpp"

namespace nn::worker {
namespace {

using nlohmann::json;

// Requests come back to the serving thread.
class ServingThread : public serving::Completion {
 public:
  explicit ServingThread(asio::io_context& io) : io_(io) {}
  void complete(std::span<std::shared_ptr<serving::Request>> requests) override {
    asio::post(io_, [requests = serving::Requests(requests.begin(), requests.end())] {
      for (const auto& request : requests) request->completed();
    });
  }

 private:
  asio::io_context& io_;
};

json models_of(const serving::Catalog& catalog) {
  json out = json::array();
  for (const auto& [name, model] : catalog.models) {
    json versions = json::array(), others = json::object();
    for (const auto& [number, entry] : model.versions) {
      if (entry.servable) {
        versions.push_back({{"version", number}, {"digest", entry.servable->digest()}});
      } else {
        json& other = others[std::to_string(number)] = {{"state", name_of(entry.state)}};
        if (entry.reason) other["reason"] = entry.reason->public_statement();
      }
    }
    json one = {{"name", name}, {"versions", std::move(versions)}};
    if (!others.empty()) one["versions_not_served"] = std::move(others);
    if (!model.labels.empty()) one["labels"] = model.labels;
    for (const auto& [label, error] : model.wrong_labels)
      one["labels_not_served"][label] = {{"reason", error.public_statement()}};
    if (model.reason) one["why"] = model.reason->public_statement();
    out.push_back(std::move(one));
  }
  return out;
}

json stats_of(const Service& service) {
  serving::WorkerStats stats = service.stats;
  for (const auto& session : service.sessions) {  // those that live count as well
    stats.received_bytes += session->link().received_bytes();
    stats.sent_bytes += session->link().sent_bytes();
  }
  json out = serving::to_json(stats, service.clock.now());
  out["nn_worker_connections"] = service.sessions.size();
  out["nn_worker_requests_inflight"] = service.inflight;
  out["nn_worker_model_swaps_total"] = service.loader.swaps();
  out["nn_worker_body_bytes"] = service.memory->used();
  out["nn_worker_stream_bytes"] = service.kept->used();
  return out;
}

std::string status_of_health(const Service& service) {
  const auto catalog = service.catalog.get();
  const bool ready =
      catalog->any_available() || (catalog->models.empty() && !service.options.train_folder.empty());
  return service.draining ? "draining" : ready ? "ok" : "no model";
}

// To free 60 MB takes milliseconds, which the serving thread hasn't.
std::function<void(Buffer)> freed_by(const std::shared_ptr<asio::thread_pool>& pool) {
  return [weak = std::weak_ptr(pool)](Buffer buffer) {
    const auto own = weak.lock();
    if (own) asio::post(*own, [unused = std::make_shared<Buffer>(std::move(buffer))] {});
  };
}

}  // namespace

Service::Service(asio::io_context& context, const WorkerOptions& worker_options,
                 serving::CatalogHolder& holder, serving::Loader& model_loader, serving::EventLog& event_log)
    : io(context),
      clock(net::clock_of(context)),
      options(worker_options),
      catalog(holder),
      loader(model_loader),
      log(event_log),
      completion(std::make_shared<ServingThread>(context)),
      memory(std::make_shared<protocol::ByteBudget>(
          context.get_executor(), std::max(worker_options.max_memory, worker_options.max_frame))),
      bodies(worker_options.max_memory / 8, freed_by(parsers)),
      kept(std::make_shared<protocol::ByteBudget>(
          context.get_executor(), std::max(worker_options.max_memory / 2, worker_options.max_frame))) {
  stats.started = clock.now();
  asio::post(*parsers, [] { come_after_others(10); });
}

Service::~Service() {
  parsers->join();
  memory->close();
}

std::string report(const Service& service, wire::What what) {
  const auto catalog = service.catalog.get();
  switch (what) {
    case wire::What::health: return json_dump<json>({{"status", status_of_health(service)}});
    case wire::What::models: return json_dump<json>(models_of(*catalog));
    case wire::What::stats: return json_dump<json>(stats_of(service));
    default: break;
  }
  return json_dump<json>({{"agent", fmt::format("nn-worker {}", tools_version())},
                          {"pid", ::getpid()},
                          {"device", backend::to_string(service.options.device)},
                          {"draining", service.draining},
                          {"connections", service.sessions.size()},
                          {"inflight", service.inflight},
                          {"training", service.training != nullptr},
                          {"max_inflight", service.options.max_inflight},
                          {"models", models_of(*catalog)}});
}

}  // namespace nn::worker
