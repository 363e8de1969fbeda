#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <list>

#include "base/log.hpp"
#include "base/signals.hpp"
#include "base/text.hpp"
#include "net/listen.hpp"
#include "net/no_throw.hpp"
#include "net/tls.hpp"
#include "process/notify.hpp"
#include "worker/session.hpp"
#include "worker/stdio.hpp"

namespace nn::worker {
namespace {

using net::no_throw;
constexpr std::chrono::milliseconds tls_timeout{10'000};
constexpr std::chrono::milliseconds pause_without_descriptors{100};
constexpr std::size_t most_refusals = 16;  // that get through TLS first, at once

// Names the other end of a connection, for logs.
std::string peer_name(net::Socket& socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  const int fd = socket.native_handle();
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return "?";
  if (address.ss_family == AF_UNIX) {
    ucred who{};
    socklen_t size = sizeof who;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return "unix";
    return fmt::format("pid {} uid {}", who.pid, who.uid);
  }
  char host[64] = {};
  char port[16] = {};
  if (::getnameinfo(reinterpret_cast<sockaddr*>(&address), length, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "?";
  }
  return fmt::format("{}:{}", host, port);
}

class Server {
 public:
  explicit Server(const WorkerOptions& options);
  ~Server();
  void run();

 private:
  struct ListeningSocket {
    net::Acceptor acceptor;
    net::Endpoint endpoint;
    std::string unlinks;
  };
  static serving::ModelOptions model_options(const WorkerOptions& options);
  static serving::EngineOptions engine_options(const WorkerOptions& options);
  void open_gates();
  asio::awaitable<void> accept(ListeningSocket& listener);
  asio::awaitable<void> secure(net::Socket socket, std::string name);
  bool full() const;
  void refuse(net::Socket socket);
  void welcome(net::Socket socket, std::string name);
  void renew_certificates();
  asio::awaitable<void> watch_signals();
  asio::awaitable<void> watch_time();
  asio::awaitable<void> drain();
  void finish(const std::vector<std::shared_ptr<serving::Job>>& jobs);
  void stop_if_done();
  asio::awaitable<void> end();

  const WorkerOptions& options_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  serving::EventLog log_;
  serving::ModelStore models_;
  serving::Engine engine_;
  Service service_;
  asio::signal_set signals_;
  std::list<ListeningSocket> listeners_;
  std::optional<net::Tls> tls_;
  std::size_t greeting_ = 0;  // connections that have not got through TLS yet
  std::unique_ptr<StdioBridge> stdio_;
  bool lost_ = false;  // requests at the end of the drain
};

Server::Server(const WorkerOptions& options)
    : options_(options),
      log_(options.log),
      models_(model_options(options), log_,
              [this](const serving::ModelStore::Task& task) { asio::post(io_, task); }),
      engine_(engine_options(options),
              [this](std::vector<std::shared_ptr<serving::Job>> jobs) {
                asio::post(io_, [this, jobs = std::move(jobs)] { finish(jobs); });
              }),
      service_{io_,   net::clock_of(io_),        options, {}, models_, engine_, log_, {}, {}, 0, {},
               false, [this] { stop_if_done(); }},
      signals_(io_) {
  if (!options.token_file.empty()) service_.token = net::read_token(options.token_file);
}

Server::~Server() {
  for (const ListeningSocket& listener : listeners_) {
    if (!listener.unlinks.empty()) ::unlink(listener.unlinks.c_str());
  }
}

serving::ModelOptions Server::model_options(const WorkerOptions& options) {
  serving::ModelOptions out;
  out.models = options.models;
  for (repository::ModelSpec& spec : out.models)
    spec.policy = spec.repository ? options.policy : repository::VersionPolicy{};
  out.device = options.device;
  out.precision = options.precision;
  out.warm_rows = options.batch_max;
  out.poll_s = options.poll_s;
  return out;
}

serving::EngineOptions Server::engine_options(const WorkerOptions& options) {
  serving::EngineOptions out;
  out.batch_max = options.batch_max;
  out.batch_delay = options.batch_delay;
  return out;
}

void Server::open_gates() {
  const bool any_tls = std::any_of(options_.listen.begin(), options_.listen.end(),
                                   [](const net::Endpoint& e) { return e.kind == net::Endpoint::Kind::tls; });
  if (any_tls || options_.tls.any()) tls_.emplace(options_.tls, net::Tls::Side::server);
  const bool local_only = service_.token.empty();
  std::vector<net::Listening> listening = net::inherited_listeners(local_only && !tls_);
  for (net::Listening& one : listening) {
    if (tls_ && one.endpoint.kind == net::Endpoint::Kind::tcp) one.endpoint.kind = net::Endpoint::Kind::tls;
  }
  for (const net::Endpoint& endpoint : options_.listen)
    listening.push_back(net::listen_on(endpoint, local_only));
  for (net::Listening& one : listening) {
    const int flags = ::fcntl(one.fd.get(), F_GETFL);
    ::fcntl(one.fd.get(), F_SETFL, flags | O_NONBLOCK);
    listeners_.push_back({net::adopt_listener(io_, std::move(one.fd)), one.endpoint, one.unlinks});
  }
  if (listeners_.empty() && !options_.stdio) {
    fail_usage("nothing to listen on; there are --listen ENDPOINT and --stdio");
  }
}

void Server::run() {
  models_.load_all();
  open_gates();
  // As for run_tool(): a second signal while draining ends the process at once.
  signals_.add(SIGTERM);
  signals_.add(SIGINT);
  signals_.add(SIGHUP);
  models_.start();
  asio::co_spawn(io_, watch_signals(), asio::detached);
  asio::co_spawn(io_, watch_time(), asio::detached);
  for (ListeningSocket& listener : listeners_) asio::co_spawn(io_, accept(listener), asio::detached);
  if (options_.stdio) {
    stdio_ = std::make_unique<StdioBridge>();
    welcome(net::adopt_socket(io_, stdio_->take_socket()), "stdio");
  }
  std::vector<net::Endpoint> endpoints;
  std::vector<std::string> names;
  for (const ListeningSocket& listener : listeners_) {
    endpoints.push_back(listener.endpoint);
    names.push_back(net::to_string(listener.endpoint));
  }
  log_.write("ready",
             {{"pid", ::getpid()}, {"endpoints", names}, {"device", backend::to_string(options_.device)}});
  if (options_.on_ready) options_.on_ready(endpoints);
  process::notify_manager("READY=1");
  io_.run();
  log_.write("end", {{"requests_total", service_.stats.requests_total}});
  if (service_.broken) throw *service_.broken;
  if (lost_)
    throw make_error(ErrorKind::unavailable, "requests were under way").advise(" when --drain-timeout ended");
}

asio::awaitable<void> Server::accept(ListeningSocket& listener) {
  for (;;) {
    auto [error, socket] = co_await listener.acceptor.async_accept(no_throw);
    if (error == asio::error::operation_aborted || service_.draining) co_return;
    if (error) {
      // Out of descriptors, most likely: the others go on, and this is tried again.
      warn("{}: {}", net::to_string(listener.endpoint), error.message());
      net::Timer pause(io_.get_executor(), pause_without_descriptors);
      co_await pause.wait();
      continue;
    }
    if (listener.endpoint.kind != net::Endpoint::Kind::unix_socket) {
      const int on = 1;
      ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    std::string name = peer_name(socket);
    if (listener.endpoint.kind == net::Endpoint::Kind::tls) {
      // Tell refused clients why, unless that takes a TLS handshake while many are waiting.
      if (greeting_ >= most_refusals && full()) {
        ++service_.stats.connections_refused;
      } else {
        asio::co_spawn(io_, secure(std::move(socket), std::move(name)), asio::detached);
      }
    } else if (full()) {
      refuse(std::move(socket));
    } else {
      welcome(std::move(socket), std::move(name));
    }
  }
}

asio::awaitable<void> Server::secure(net::Socket socket, std::string name) {
  ++greeting_;
  try {
    auto secured = co_await tls_->secure(std::move(socket), {}, tls_timeout);
    --greeting_;
    if (service_.draining) co_return;
    if (full()) {
      refuse(std::move(secured.socket));
    } else {
      welcome(std::move(secured.socket), name + " " + secured.peer);
    }
  } catch (const Error& error) {
    --greeting_;
    ++service_.stats.connections_refused;
    log_.write("unauthenticated", {{"client", name}, {"error", error.what()}});
  }
}

bool Server::full() const {
  return service_.sessions.size() + greeting_ >= static_cast<std::size_t>(options_.max_connections);
}

void Server::refuse(net::Socket socket) {
  ++service_.stats.connections_refused;
  const auto link = std::make_shared<protocol::FrameLink>(std::move(socket), options_.max_frame);
  link->send(link->maker().failed(0, wire::Code::busy, "no connection is free",
                                  fmt::format(": --max-connections {}", options_.max_connections)));
  link->close_when_sent();
}

void Server::welcome(net::Socket socket, std::string name) {
  ++service_.stats.connections_total;
  const auto session = std::make_shared<Session>(service_, std::move(socket), std::move(name));
  service_.sessions.insert(session);
  asio::co_spawn(io_, session->run(), asio::detached);
}

void Server::finish(const std::vector<std::shared_ptr<serving::Job>>& jobs) {
  for (const auto& job : jobs) {
    --service_.inflight;
    auto& request = static_cast<Request&>(*job);
    if (const auto session = request.session.lock()) session->finish(request);
  }
  if (service_.draining) stop_if_done();
}

asio::awaitable<void> Server::watch_signals() {
  for (;;) {
    auto [error, signal] = co_await signals_.async_wait(no_throw);
    if (error) co_return;
    if (signal == SIGHUP) {
      log_.reopen();
      log_.write("reload", {});
      renew_certificates();
      models_.reload();
    } else if (service_.draining) {
      die_by_signal(signal);
    } else {
      asio::co_spawn(io_, drain(), asio::detached);
    }
  }
}

// New connections use the new ones; where they can't be read, the old.
void Server::renew_certificates() {
  if (!tls_) return;
  try {
    tls_->renew(options_.tls);
  } catch (const Error& error) {
    warn("{}; the old certificates stay in use", error.what());
  }
}

asio::awaitable<void> Server::watch_time() {
  net::Timer timer(io_.get_executor());
  for (;;) {
    timer.expires_after(std::chrono::milliseconds(500));
    if (!co_await timer.wait()) co_return;
    const auto now = service_.clock.now();
    const std::vector<std::shared_ptr<Session>> sessions(service_.sessions.begin(), service_.sessions.end());
    for (const auto& session : sessions) session->check_time(now);
  }
}

asio::awaitable<void> Server::drain() {
  service_.draining = true;
  process::notify_manager("STOPPING=1");
  log_.write("drain", {{"connections", service_.sessions.size()}, {"inflight", service_.inflight}});
  boost::system::error_code ignored;
  for (ListeningSocket& listener : listeners_) listener.acceptor.close(ignored);
  for (const auto& session : service_.sessions) session->drain();
  if (service_.training) service_.training->stop(wire::Code::draining);
  net::Timer timer(io_.get_executor(), options_.drain_timeout);
  stop_if_done();
  co_await timer.wait();
  lost_ = std::any_of(service_.sessions.begin(), service_.sessions.end(),
                      [](const auto& session) { return session->busy(); });
  io_.stop();
}

// The end: everything is answered, or the one client of --stdio is gone.
void Server::stop_if_done() {
  // A device that failed answers nobody any more; who started the worker may start it anew.
  if (service_.broken && !service_.draining) return asio::co_spawn(io_, drain(), asio::detached);
  if (service_.training) return;
  if (options_.stdio && listeners_.empty() && service_.sessions.empty()) return io_.stop();
  if (!service_.draining) return;
  const auto sessions = service_.sessions;
  const bool busy = std::any_of(sessions.begin(), sessions.end(), [](const auto& s) { return s->busy(); });
  if (!busy) asio::co_spawn(io_, end(), asio::detached);
}

// Frames that are queued go out first.
asio::awaitable<void> Server::end() {
  const auto sessions = service_.sessions;
  for (const auto& session : sessions) session->close_when_sent();
  net::Timer pause(io_.get_executor());
  while (tls_ && tls_->open() > 0) {
    pause.expires_after(std::chrono::milliseconds(2));
    co_await pause.wait();
  }
  io_.stop();
}

}  // namespace

void serve(const WorkerOptions& options) {
  backend::check_device(options.device);
  if (options.models.empty() && options.train_folder.empty()) {
    fail_usage("nothing to do: no --model NAME=PATH, no --repository BASE, no --train FOLDER");
  }
  if (!options.train_folder.empty()) {
    training_program();
    if (::access(options.train_folder.c_str(), W_OK | X_OK) != 0) fail_errno(options.train_folder);
  }
  backend::pin_thread(options.device);  // and every thread that is started from here on
  Server server(options);
  server.run();
}

}  // namespace nn::worker
