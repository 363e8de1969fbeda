// What the connections of a worker share. For this module only.
#pragma once

#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "protocol/frame.hpp"
#include "serving/catalog.hpp"
#include "serving/event_log.hpp"
#include "serving/loader.hpp"
#include "serving/stats.hpp"
#include "worker/training.hpp"
#include "worker/worker.hpp"

namespace nn::worker {

class Session;

// The serving thread's, but for what is thread-safe itself.
struct Service {
  // Nothing of a budget of the options is used yet.
  Service(asio::io_context& context, const WorkerOptions& worker_options, serving::CatalogHolder& holder,
          serving::Loader& model_loader, serving::EventLog& event_log);
  ~Service();

  asio::io_context& io;
  Clock& clock;
  const WorkerOptions& options;
  serving::CatalogHolder& catalog;
  serving::Loader& loader;
  serving::EventLog& log;
  std::string token, admin_token;  // that clients must know; empty: none
  std::string train_program;       // the path of nn-train
  serving::WorkerStats stats;
  std::shared_ptr<serving::Completion> completion;
  std::shared_ptr<protocol::ByteBudget> memory;  // of bodies, all clients'
  // Where large messages are read, and freed, in the time that serving and computing leave: clients wait for
  // their own only.
  const std::shared_ptr<asio::thread_pool> parsers = std::make_shared<asio::thread_pool>(1);
  format::BufferPool bodies;
  std::shared_ptr<protocol::ByteBudget> kept;  // of open streams, beyond what each client has
  std::set<std::shared_ptr<Session>> sessions;
  std::int64_t clients = 0;            // sessions that have opened something
  std::int64_t inflight = 0;           // requests that servables have
  std::shared_ptr<Training> training;  // one at a time
  bool draining = false;
  std::function<void()> on_change = [] {};  // a session or a request ended
  std::optional<Error> broken;              // the device failed: the worker has to end
};

// The answers to questions about health, status, models and stats, as JSON.
std::string report(const Service& service, wire::What what);

}  // namespace nn::worker
