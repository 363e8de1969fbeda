// A worker without its process: it lets clients in, looks after them, and ends when it is told to or has to.
// Signals, the first load of models and readiness are serve()'s. For this module only.
#pragma once

#include <memory>
#include <vector>

#include "worker/admission.hpp"
#include "worker/drain.hpp"

namespace nn::worker {

// One thread, that of the service's io_context, which must run no longer than this lives.
class Server {
 public:
  // Opens the endpoints of the options. The service must outlive it, and tells it what ends. Errors as
  // Listeners has them.
  explicit Server(Service& service);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // As bound, without those for administrators.
  std::vector<net::Endpoint> endpoints() const { return listeners_.endpoints(); }
  bool listens() const { return !listeners_.empty(); }

  // Begins to accept clients, and to look at them, and at repositories, from time to time.
  void start();
  // A client has come in, as listeners tell it.
  void come(net::Listeners::Client client) { admission_.come(std::move(client)); }
  // The client of --stdio, who need not come in anywhere: where nobody else can, the server ends with it.
  void attach(net::Socket socket);
  // Opens the log anew, reads certificates and looks at repositories, as after SIGHUP.
  void look_anew();
  // No new connection or request; those under way are answered, at most for --drain-timeout.
  void drain() { drain_.begin(); }
  bool draining() const { return service_.draining; }
  // A part of the server: one that throws ends it with its error. Whoever started it may start it anew.
  void spawn(asio::awaitable<void> part) { tasks_.spawn(std::move(part)); }

  bool ended() const { return tasks_.ended(); }
  // Once it has ended: throws why, unless it did what it was told to. Unavailable error for requests that
  // were lost at the end of the drain.
  void check_end() const;

 private:
  net::Listeners::Events listener_events();
  asio::awaitable<void> watch_connections();
  asio::awaitable<void> watch_repositories();
  asio::awaitable<void> hear_of_repositories();
  void give_back_after_crowds();

  Service& service_;
  net::TaskGroup tasks_;
  net::Listeners listeners_;
  Admission admission_;
  Drain drain_;
  std::shared_ptr<Session> attached_;
  bool had_crowd_ = false;  // whose memory has not been given back
};

}  // namespace nn::worker
