// What workers serve, as a catalog of this process: what a server in front of workers has in place of a
// loader.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "client/worker_record.hpp"
#include "net/access.hpp"
#include "net/endpoint.hpp"
#include "serving/catalog.hpp"
#include "serving/event_log.hpp"

namespace boost::asio {
class io_context;
}

namespace nn::client {

class Connection;

struct RemoteCatalogOptions {
  net::Access access;  // one with its token (net/access.hpp)
  std::uint64_t max_frame = 64u << 20;
  std::chrono::milliseconds patience{5000};    // with workers that can't be reached
  std::chrono::milliseconds look_every{1000};  // how often workers are asked what they serve
  // A worker that says nothing for so long isn't there: it is asked each second whether it is.
  std::chrono::milliseconds silence{3000};
  // A model none of whose workers is there has no version that answers once so much time has passed.
  std::chrono::milliseconds grace{250};
  std::chrono::milliseconds retry_refused{10'000};  // workers that refuse for good are tried again after
  std::chrono::microseconds hedge{0};               // a second worker is asked after; 0: never
  std::uint64_t queue_bytes = 256u << 20;           // of a model's requests that wait for their answers
  // How a worker is reached; empty: by its endpoint. For tests.
  std::function<std::shared_ptr<Connection>(const net::Endpoint&, std::shared_ptr<WorkerRecord>)> connect =
      {};
  std::uint32_t seed = 1;  // of the choice among workers
};

// Workers are asked what they serve from time to time. A version of a model is served here by those workers
// that have it, once it is at half as many as the version that most have: while workers go over to a new
// version one after the other, the few that have it first don't get all requests. A worker that has other
// bytes under the same number is left out, and told of. Labels are those of the workers. What changes is
// opened anew and takes the place of the old in a moment; requests that are under way end with what they
// began with. A version none of whose workers can be reached stays known, with that as its reason, and
// answers again as soon as one of them is back.
//
// One thread, but for workers(): that of the io_context, which must run no longer than this lives, or must be
// stopped by then.
class RemoteCatalog {
 public:
  // `on_change` is called after each change of the catalog.
  RemoteCatalog(boost::asio::io_context& io, RemoteCatalogOptions options, serving::CatalogHolder& catalog,
                serving::EventLog& log, std::function<void()> on_change);
  ~RemoteCatalog();
  RemoteCatalog(const RemoteCatalog&) = delete;
  RemoteCatalog& operator=(const RemoteCatalog&) = delete;

  // These workers from now on. Connections to those that stay are kept; those that go answer what they have.
  void set_workers(const std::vector<net::Endpoint>& endpoints);
  // Asks all workers now.
  void look();

  // Any thread's.
  struct WorkerReport {
    std::string name;
    std::string error;       // why it isn't up
    std::size_t models = 0;  // that it offers
    WorkerFigures figures;
  };
  std::vector<WorkerReport> workers() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace nn::client
