#include "client/remote_catalog.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/json_text.hpp"
#include "base/log.hpp"
#include "base/text.hpp"
#include "client/connection.hpp"
#include "client/remote_model.hpp"

namespace nn::client {
namespace {

constexpr std::size_t deepest = 16;

// What a worker says that it serves.
struct Offer {
  std::map<std::uint64_t, std::string> versions;  // and their digests
  std::map<std::string, std::uint64_t, std::less<>> labels;
};
using Offers = std::map<std::string, Offer, std::less<>>;

// The report of models that worker/service.cpp makes. Data error for anything else.
Offers parse_offers(std::string_view text) {
  const auto models =
      json_nests_deeper(text, deepest) ? nlohmann::json() : nlohmann::json::parse(text, nullptr, false);
  Offers out;
  try {
    if (!models.is_array()) fail_data("no list of models");
    for (const auto& model : models) {
      Offer& offer = out[model.at("name").get<std::string>()];
      for (const auto& version : model.at("versions")) {
        offer.versions[version.at("version").get<std::uint64_t>()] = version.at("digest").get<std::string>();
      }
      if (model.contains("labels")) offer.labels = model["labels"].get<decltype(offer.labels)>();
    }
  } catch (const nlohmann::json::exception& error) {
    fail_data("a report of models that can't be read: {}", printable(error.what()));
  }
  return out;
}

// A share in a connection, which ends when nobody has one any more.
class Lease {
 public:
  Lease(asio::io_context& io, std::shared_ptr<Connection> connection)
      : io_(io), connection_(std::move(connection)) {}
  ~Lease() {
    asio::post(io_, [connection = connection_] { connection->stop(); });
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  const std::shared_ptr<Connection>& connection() const { return connection_; }

 private:
  asio::io_context& io_;
  std::shared_ptr<Connection> connection_;
};
using Leases = std::vector<std::shared_ptr<Lease>>;

// A version of a model, by all workers that have it.
struct Version {
  std::string digest;
  Leases workers;
};

}  // namespace

struct RemoteCatalog::State : std::enable_shared_from_this<State> {
  struct Worker : Connection::Watcher {
    Worker(State& its_state, net::Endpoint its_endpoint, const std::shared_ptr<Connection>& its_connection)
        : state(its_state),
          endpoint(std::move(its_endpoint)),
          connection(its_connection),
          lease(std::make_shared<Lease>(state.io, its_connection)) {
      connection->add(*this);
    }
    ~Worker() override { connection->remove(*this); }
    void connection_changed() override {
      if (connection->state() == Connection::State::ready) return state.ask(*this);
      offers.reset();
      state.reconcile_soon();
    }
    State& state;
    net::Endpoint endpoint;
    std::shared_ptr<Connection> connection;
    std::shared_ptr<Lease> lease;
    std::optional<Offers> offers;  // the last
    bool asked = false;
  };

  struct Opened {
    std::string digest;
    std::shared_ptr<Leases> workers;  // those that are asked now
    std::shared_ptr<serving::Servable> servable;
    std::shared_ptr<Leases> opening;  // those that will be, once it is open
  };
  using Key = std::pair<std::string, std::uint64_t>;

  State(asio::io_context& context, RemoteCatalogOptions its_options, serving::CatalogHolder& holder,
        serving::EventLog& event_log, std::function<void()> changed)
      : io(context),
        options(std::move(its_options)),
        catalog(holder),
        log(event_log),
        on_change(std::move(changed)),
        timer(context.get_executor()),
        soon(context.get_executor()) {}

  std::shared_ptr<Connection> connect(const net::Endpoint& endpoint) const {
    if (options.connect) return options.connect(endpoint);
    auto connection =
        std::make_shared<Connection>(io, ConnectionOptions{endpoint, options.access, options.max_frame, {}});
    connection->start();
    return connection;
  }

  void look_later() {
    timer.expires_after(options.look_every);
    timer.wait([weak = weak_from_this()](bool expired) {
      const auto self = weak.lock();
      if (!expired || !self) return;
      self->look();
      self->look_later();
    });
  }

  void look() {
    for (const auto& worker : workers) ask(*worker);
  }

  // One question at a time to each.
  void ask(Worker& worker) {
    if (worker.connection->state() != Connection::State::ready || worker.asked) return;
    worker.asked = true;
    const auto question = wire::CreateQuery(worker.connection->builder(), wire::What::models);
    worker.connection->request(
        question, {}, [weak = weak_from_this(), name = worker.connection->name()](const auto& reply) {
          if (const auto self = weak.lock()) self->told(name, reply);
        });
  }

  void told(const std::string& name,
            const std::variant<const protocol::IncomingFrame*, RemoteFailure>& reply) {
    const auto found = std::find_if(workers.begin(), workers.end(),
                                    [&](const auto& worker) { return worker->connection->name() == name; });
    if (found == workers.end()) return;
    Worker& worker = **found;
    worker.asked = false;
    if (!std::holds_alternative<const protocol::IncomingFrame*>(reply)) return;  // the connection says more
    const auto bytes = std::get<0>(reply)->body.bytes();
    worker.offers = parse_offers({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    reconcile_soon();
  }

  // Once for all that happens in one turn of the loop.
  void reconcile_soon() {
    if (std::exchange(reconciling, true)) return;
    soon.expires_after({});
    soon.wait([weak = weak_from_this()](bool expired) {
      const auto self = weak.lock();
      if (!expired || !self) return;
      self->reconciling = false;
      self->reconcile();
    });
  }

  // Versions that are served, by those workers that have the same bytes.
  std::map<Key, Version> wanted() {
    std::map<Key, std::map<std::string, Leases>> offered;  // by digest
    std::map<std::string, std::size_t> most;               // workers of a model's version
    for (const auto& worker : workers) {
      if (!worker->offers) continue;
      for (const auto& [name, offer] : *worker->offers) {
        for (const auto& [number, digest] : offer.versions) {
          auto& same = offered[{name, number}][digest];
          same.push_back(worker->lease);
          most[name] = std::max(most[name], same.size());
        }
      }
    }
    std::map<Key, Version> out;
    for (auto& [key, by_digest] : offered) {
      const auto largest =
          std::max_element(by_digest.begin(), by_digest.end(),
                           [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
      if (2 * largest->second.size() < most[key.first]) continue;
      for (const auto& [digest, others] : by_digest) {
        if (digest != largest->first)
          tell_of_others(key, others, largest->second.front()->connection()->name());
      }
      out[key] = {largest->first, std::move(largest->second)};
    }
    return out;
  }

  void tell_of_others(const Key& key, const Leases& others, const std::string& most) {
    for (const auto& lease : others) {
      const auto& worker = lease->connection();
      if (!told_of.insert(fmt::format("{} {} {}", worker->name(), key.first, key.second)).second) continue;
      warn("{}: {}/{} is another model there than at {}; this worker is not asked for it", worker->name(),
           printable(key.first), key.second, most);
    }
  }

  void reconcile() {
    const auto versions = wanted();
    for (const auto& [key, version] : versions) {
      Opened& entry = opened[key];
      const auto& latest = entry.opening ? entry.opening : entry.workers;
      if (latest && entry.digest == version.digest && *latest == version.workers) continue;
      open(key, version);
    }
    const std::size_t before = opened.size();
    // A version stays while nothing takes its place: workers that can't be reached now may come back.
    std::erase_if(opened, [&](const auto& entry) {
      const bool has_other = std::any_of(versions.begin(), versions.end(), [&](const auto& other) {
        const auto found = opened.find(other.first);
        return other.first.first == entry.first.first && found != opened.end() && found->second.servable;
      });
      if (versions.contains(entry.first) || !has_other) return false;
      log.write("unload", {{"model", entry.first.first}, {"version", entry.first.second}});
      return true;
    });
    if (opened.size() != before || labels_changed()) publish();
  }

  void open(const Key& key, const Version& version) {
    Opened& entry = opened[key];
    entry.digest = version.digest;
    entry.opening = std::make_shared<Leases>(version.workers);
    std::vector<std::shared_ptr<Connection>> connections;
    for (const auto& lease : version.workers) connections.push_back(lease->connection());
    const auto asked = std::make_shared<Workers>(std::move(connections));
    RemoteModelOptions model;
    model.name = key.first;
    model.remote_name = key.first;
    model.version = key.second;
    model.patience = options.patience;
    model.hedge = options.hedge;
    model.queue_bytes = options.queue_bytes;
    model.keep = entry.opening;
    open_remote_model(io, *asked, model,
                      [weak = weak_from_this(), key, asked, leases = entry.opening](const auto& what) {
                        const auto self = weak.lock();
                        if (self) self->opened_now(key, leases, what);
                      });
  }

  void opened_now(const Key& key, const std::shared_ptr<Leases>& asked,
                  const std::variant<std::shared_ptr<serving::Servable>, Error>& what) {
    const auto found = opened.find(key);
    if (found == opened.end() || found->second.opening != asked) return;  // another one came meanwhile
    Opened& entry = found->second;
    entry.opening.reset();
    if (const auto* error = std::get_if<Error>(&what)) {
      log.write("load_failed", {{"model", key.first}, {"version", key.second}, {"error", error->what()}});
      if (!entry.servable) opened.erase(found);  // the next look tries again
      return;
    }
    if (!entry.servable) log.write("load", {{"model", key.first}, {"version", key.second}});
    entry.workers = asked;
    entry.servable = std::get<std::shared_ptr<serving::Servable>>(what);
    publish();
  }

  using Labels = std::map<std::string, std::map<std::string, std::uint64_t, std::less<>>>;
  // Those of the first worker that has the model.
  Labels labels_now() const {
    Labels out;
    for (const auto& worker : workers) {
      if (!worker->offers) continue;
      for (const auto& [name, offer] : *worker->offers) out.try_emplace(name, offer.labels);
    }
    return out;
  }

  bool labels_changed() const { return labels_now() != labels; }

  void publish() {
    labels = labels_now();
    std::map<std::string, serving::ModelEntry, std::less<>> models;
    for (const auto& [key, entry] : opened) {
      serving::ModelEntry& model = models[key.first];
      const auto state = entry.servable ? serving::VersionState::available : serving::VersionState::loading;
      model.versions[key.second] = {state, entry.servable, {}};
      if (const auto found = labels.find(key.first); found != labels.end()) model.labels = found->second;
    }
    catalog.set(std::make_shared<serving::Catalog>(
        serving::Catalog{serving::SnapshotMap<serving::ModelEntry>(std::move(models))}));
    on_change();
  }

  asio::io_context& io;
  RemoteCatalogOptions options;
  serving::CatalogHolder& catalog;
  serving::EventLog& log;
  std::function<void()> on_change;
  net::Timer timer, soon;
  bool reconciling = false;
  std::vector<std::unique_ptr<Worker>> workers;
  std::map<Key, Opened> opened;
  Labels labels;
  std::set<std::string> told_of;
};

RemoteCatalog::RemoteCatalog(asio::io_context& io, RemoteCatalogOptions options,
                             serving::CatalogHolder& catalog, serving::EventLog& log,
                             std::function<void()> on_change)
    : state_(std::make_shared<State>(io, std::move(options), catalog, log, std::move(on_change))) {
  state_->look_later();
}

RemoteCatalog::~RemoteCatalog() {
  for (const auto& worker : state_->workers) worker->connection->stop();
}

void RemoteCatalog::set_workers(const std::vector<net::Endpoint>& endpoints) {
  auto before = std::exchange(state_->workers, {});
  for (const net::Endpoint& endpoint : endpoints) {
    const auto same = [&](const auto& worker) { return worker && worker->endpoint == endpoint; };
    if (std::any_of(state_->workers.begin(), state_->workers.end(), same)) continue;
    const auto kept = std::find_if(before.begin(), before.end(), same);
    state_->workers.push_back(
        kept != before.end() ? std::move(*kept)
                             : std::make_unique<State::Worker>(*state_, endpoint, state_->connect(endpoint)));
  }
  // Models that ask those that went keep their connections, until others take their place.
  look();
  state_->reconcile_soon();
}

void RemoteCatalog::look() { state_->look(); }

std::vector<RemoteCatalog::WorkerReport> RemoteCatalog::workers() const {
  std::vector<WorkerReport> out;
  for (const auto& worker : state_->workers) {
    const bool ready = worker->connection->state() == Connection::State::ready;
    out.push_back({worker->connection->name(), ready, ready ? "" : worker->connection->error().what(),
                   worker->offers ? worker->offers->size() : 0});
  }
  return out;
}

}  // namespace nn::client
