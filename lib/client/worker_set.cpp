#include "client/worker_set.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

namespace nn::client {

Lease::~Lease() {
  asio::post(io_, [connection = connection_] { connection->stop(); });
}

WorkerSet::Worker::Worker(WorkerSet& its_set, net::Endpoint its_endpoint)
    : set(its_set), endpoint(std::move(its_endpoint)) {
  connect();
}

WorkerSet::Worker::~Worker() { connection->remove(*this); }

void WorkerSet::Worker::connect() {
  if (connection) connection->remove(*this);
  asked = false;
  connection = set.connect(endpoint, record);
  lease = std::make_shared<Lease>(set.io_, connection);
  connection->add(*this);
}

WorkerSet::WorkerSet(asio::io_context& io, const RemoteCatalogOptions& options, serving::EventLog& log,
                     std::function<void()> on_change)
    : io_(io), clock_(net::clock_of(io)), options_(options), log_(log), on_change_(std::move(on_change)) {}

WorkerSet::~WorkerSet() {
  for (const auto& worker : workers_) worker->connection->stop();
}

std::shared_ptr<Connection> WorkerSet::connect(const net::Endpoint& endpoint,
                                               std::shared_ptr<WorkerRecord> record) const {
  if (options_.connect) return options_.connect(endpoint, std::move(record));
  ConnectionOptions how{endpoint, options_.access, options_.max_frame};
  how.liveness = {options_.silence / 3, options_.silence};
  how.record = std::move(record);
  how.slow_start = true;
  auto connection = std::make_shared<Connection>(io_, std::move(how));
  connection->start();
  return connection;
}

void WorkerSet::set(const std::vector<net::Endpoint>& endpoints) {
  auto before = std::exchange(workers_, {});
  for (const net::Endpoint& endpoint : endpoints) {
    const auto same = [&](const auto& worker) { return worker && worker->endpoint == endpoint; };
    if (std::any_of(workers_.begin(), workers_.end(), same)) continue;
    const auto kept = std::find_if(before.begin(), before.end(), same);
    if (kept != before.end()) {
      workers_.push_back(std::move(*kept));
      continue;
    }
    log_.write("worker_added", {{"worker", net::to_string(endpoint)}});
    workers_.push_back(std::make_unique<Worker>(*this, endpoint));
  }
  for (const auto& worker : before) {
    if (worker) log_.write("worker_removed", {{"worker", worker->connection->name()}});
  }
  list();
}

void WorkerSet::changed(Worker& worker) {
  const bool is_up = worker.connection->state() == Connection::State::ready;
  if (std::exchange(worker.up, is_up) != is_up) {
    JsonFields fields{{"worker", worker.connection->name()}};
    if (!is_up) fields.emplace("error", worker.connection->error().what());
    log_.write(is_up ? "worker_up" : "worker_down", fields);
  }
  if (worker.connection->state() == Connection::State::refused) worker.refused_at = clock_.now();
  if (is_up) {
    ask(worker);
  } else {
    worker.offers.reset();
  }
  list();
  on_change_();
}

void WorkerSet::look() {
  for (const auto& worker : workers_) {
    const bool refuses = worker->connection->state() == Connection::State::refused;
    if (refuses && clock_.now() - worker->refused_at >= options_.retry_refused) worker->connect();
    ask(*worker);
  }
}

// One question at a time to each.
void WorkerSet::ask(Worker& worker) {
  if (worker.connection->state() != Connection::State::ready || worker.asked) return;
  worker.asked = true;
  const auto question = wire::CreateQuery(worker.connection->builder(), wire::What::models);
  worker.connection->request(question, {},
                             [weak = weak_from_this(), name = worker.connection->name()](const auto& reply) {
                               if (const auto self = weak.lock()) self->told(name, reply);
                             });
}

void WorkerSet::told(const std::string& name,
                     const std::variant<const protocol::IncomingFrame*, RemoteFailure>& reply) {
  const auto found = std::find_if(workers_.begin(), workers_.end(),
                                  [&](const auto& worker) { return worker->connection->name() == name; });
  if (found == workers_.end()) return;
  Worker& worker = **found;
  worker.asked = false;
  if (!worker.up) return;  // what one offers that ends meanwhile nobody gets
  if (!std::holds_alternative<const protocol::IncomingFrame*>(reply)) return;  // the connection says more
  const auto bytes = std::get<0>(reply)->body.bytes();
  worker.offers = parse_offers({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  list();
  on_change_();
}

bool WorkerSet::is_offered(const std::string& model, std::uint64_t version, const std::string& digest) const {
  return std::any_of(workers_.begin(), workers_.end(), [&](const auto& worker) {
    return worker->offers && has_version(*worker->offers, model, version, digest);
  });
}

bool WorkerSet::have_let_go(const std::string& model) const {
  return !workers_.empty() && std::all_of(workers_.begin(), workers_.end(), [&](const auto& worker) {
    return worker->offers && !worker->offers->contains(model);
  });
}

std::string WorkerSet::why_down() const {
  std::string out;
  for (const auto& worker : workers_) {
    if (!worker->up) out += (out.empty() ? "" : "; ") + std::string(worker->connection->error().what());
  }
  return out;
}

void WorkerSet::list() {
  std::vector<Listed> now;
  for (const auto& worker : workers_) {
    const Connection& connection = *worker->connection;
    now.push_back({worker->record, connection.name(),
                   worker->up ? "" : connection.error().without(connection.name()).what(),
                   worker->offers ? worker->offers->size() : 0});
  }
  const std::lock_guard lock(listed_mutex_);
  listed_ = std::move(now);
}

std::vector<RemoteCatalog::WorkerReport> WorkerSet::report() const {
  std::vector<RemoteCatalog::WorkerReport> out;
  const auto now = clock_.now();
  const std::lock_guard lock(listed_mutex_);
  for (const Listed& worker : listed_) {
    out.push_back({worker.name, worker.error, worker.models, worker.record->figures(now)});
  }
  return out;
}

}  // namespace nn::client
