// The workers of a catalog: connections to them, what they say that they serve, and how they do. For this
// module only.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "client/connection.hpp"
#include "client/offers.hpp"
#include "client/remote_catalog.hpp"

namespace nn::client {

// A share in a connection, which ends when nobody has one any more.
class Lease {
 public:
  Lease(asio::io_context& io, std::shared_ptr<Connection> connection)
      : io_(io), connection_(std::move(connection)) {}
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  const std::shared_ptr<Connection>& connection() const { return connection_; }

 private:
  asio::io_context& io_;
  std::shared_ptr<Connection> connection_;
};

// One thread, that of the io_context, but for report().
class WorkerSet : public std::enable_shared_from_this<WorkerSet> {
 public:
  // `on_change` is called when a worker came or went, or has said what it serves.
  WorkerSet(asio::io_context& io, const RemoteCatalogOptions& options, serving::EventLog& log,
            std::function<void()> on_change);
  ~WorkerSet();

  struct Worker : Connection::Watcher {
    Worker(WorkerSet& its_set, net::Endpoint its_endpoint);
    ~Worker() override;
    void connection_changed() override { set.changed(*this); }
    void connect();

    WorkerSet& set;
    const net::Endpoint endpoint;
    const std::shared_ptr<WorkerRecord> record = std::make_shared<WorkerRecord>();
    std::shared_ptr<Connection> connection;
    std::shared_ptr<Lease> lease;
    std::optional<Offers> offers;  // the last, while it is up
    bool up = false;
    bool asked = false;
    Clock::time_point refused_at{};
  };
  const std::vector<std::unique_ptr<Worker>>& workers() const { return workers_; }

  // These from now on. Those that stay keep their connections; those that go do so as long as somebody has a
  // lease.
  void set(const std::vector<net::Endpoint>& endpoints);
  // Asks all what they serve, and tries those again that have refused for good some time ago.
  void look();
  bool is_offered(const std::string& model, std::uint64_t version, const std::string& digest) const;
  // All are up, and none has the model.
  bool have_let_go(const std::string& model) const;
  // Why those that aren't up aren't; empty where all are.
  std::string why_down() const;
  // Any thread's.
  std::vector<RemoteCatalog::WorkerReport> report() const;

 private:
  std::shared_ptr<Connection> connect(const net::Endpoint& endpoint,
                                      std::shared_ptr<WorkerRecord> record) const;
  void changed(Worker& worker);
  void ask(Worker& worker);
  void told(const std::string& name,
            const std::variant<const protocol::IncomingFrame*, RemoteFailure>& reply);
  void list();

  asio::io_context& io_;
  Clock& clock_;
  const RemoteCatalogOptions& options_;
  serving::EventLog& log_;
  std::function<void()> on_change_;
  std::vector<std::unique_ptr<Worker>> workers_;
  struct Listed {
    std::shared_ptr<WorkerRecord> record;
    std::string name, error;
    std::size_t models;
  };
  mutable std::mutex listed_mutex_;
  std::vector<Listed> listed_;  // for report()
};

}  // namespace nn::client
