#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <utility>

#include "base/log.hpp"
#include "base/signals.hpp"
#include "net/no_throw.hpp"
#include "process/notify.hpp"
#include "serving/local_model.hpp"
#include "worker/listeners.hpp"
#include "worker/session.hpp"
#include "worker/stdio.hpp"

namespace nn::worker {
namespace {

using net::no_throw;
constexpr std::chrono::milliseconds look_at_connections{100};
constexpr std::chrono::seconds last_words{1};  // to a client of --stdio
// Connections beside those of clients: people who ask for the worker's health, and those who haven't said
// what they want.
constexpr std::size_t most_guests = 64;

class Server {
 public:
  explicit Server(const WorkerOptions& options);
  void run();

 private:
  static serving::LoaderOptions loader_options(const WorkerOptions& options);
  static serving::BatcherOptions batcher_options(const WorkerOptions& options);
  Listeners::Events listener_events();
  // Runs a part of the server. One that fails ends the process, which says why: whoever started it starts it
  // anew.
  void spawn(asio::awaitable<void> part);
  void fail(std::exception_ptr error);
  std::shared_ptr<Session> welcome(net::Socket socket, Origin origin);
  void come(Listeners::Client client);
  bool make_room();
  bool is_crowded() const;
  void take_over_signals();
  void look_anew();
  asio::awaitable<void> watch_signals();
  asio::awaitable<void> watch_connections();
  asio::awaitable<void> watch_repositories();
  void begin_drain();
  asio::awaitable<void> drain();
  void stop_if_done();
  asio::awaitable<void> end();

  const WorkerOptions& options_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  serving::EventLog log_;
  serving::CatalogHolder catalog_;
  serving::Batcher batcher_;
  serving::Loader loader_;
  Service service_;
  asio::signal_set signals_;
  std::optional<Listeners> listeners_;
  std::unique_ptr<StdioBridge> stdio_;
  std::shared_ptr<Session> stdio_session_;
  std::exception_ptr failure_;
  bool ending_ = false;
  bool lost_ = false;  // requests at the end of the drain
};

Server::Server(const WorkerOptions& options)
    : options_(options),
      log_(options.log),
      batcher_(batcher_options(options)),
      loader_(loader_options(options), log_, catalog_, [] {}),
      service_(io_, options, catalog_, loader_, batcher_, log_),
      signals_(io_) {
  service_.on_change = [this] { stop_if_done(); };
  if (!options.token_file.empty()) service_.token = net::read_token(options.token_file);
  if (!options.admin_token_file.empty()) service_.admin_token = net::read_token(options.admin_token_file);
}

serving::LoaderOptions Server::loader_options(const WorkerOptions& options) {
  serving::LoaderOptions out;
  out.models = options.models;
  for (repository::ModelSpec& spec : out.models)
    spec.policy = spec.repository ? options.policy : repository::VersionPolicy{};
  out.open = [device = options.device, precision = options.precision, rows = options.batch_max](
                 const std::string& name, const repository::FoundVersion& version) {
    auto model =
        std::make_unique<serving::LocalModel>(name, version.version, version.path, device, precision);
    model->warm_up(rows);
    return model;
  };
  return out;
}

serving::BatcherOptions Server::batcher_options(const WorkerOptions& options) {
  serving::BatcherOptions out;
  out.limits.step_rows = options.batch_max;
  out.limits.delay = options.batch_delay;
  out.limits.queue_bytes = options.max_memory;
  return out;
}

void Server::spawn(asio::awaitable<void> part) {
  asio::co_spawn(io_, std::move(part), [this](std::exception_ptr error) {
    if (error) fail(std::move(error));
  });
}

void Server::fail(std::exception_ptr error) {
  if (!failure_) failure_ = std::move(error);
  io_.stop();
}

Listeners::Events Server::listener_events() {
  Listeners::Events events;
  events.come = [this](Listeners::Client client) { come(std::move(client)); };
  events.is_crowded = [this] { return is_crowded(); };
  events.rejected = [this](const std::string& name, const Error& error) {
    ++service_.stats.connections_refused;
    log_.write("unauthenticated", {{"client", name}, {"error", error.what()}});
  };
  events.failed = [this](std::exception_ptr error) { fail(std::move(error)); };
  return events;
}

void Server::run() {
  // Those who are told to look anew while they start do it afterwards.
  signals_.add(SIGHUP);
  loader_.load_all();
  listeners_.emplace(io_, options_, service_.token.empty(), listener_events());
  if (listeners_->empty() && !options_.stdio) {
    fail_usage("nothing to listen on; there are --listen ENDPOINT and --stdio");
  }
  loader_.start();
  spawn(watch_signals());
  spawn(watch_connections());
  if (options_.poll_s > 0) spawn(watch_repositories());
  listeners_->start();
  if (options_.stdio) {
    stdio_ = std::make_unique<StdioBridge>();
    stdio_session_ = welcome(net::adopt_socket(io_, stdio_->take_socket()), {"stdio", true});
  }
  const std::vector<net::Endpoint> endpoints = listeners_->endpoints();
  std::vector<std::string> names;
  names.reserve(endpoints.size());
  for (const net::Endpoint& endpoint : endpoints) names.push_back(net::to_string(endpoint));
  log_.write("ready",
             {{"pid", ::getpid()}, {"endpoints", names}, {"device", backend::to_string(options_.device)}});
  if (options_.on_ready) options_.on_ready(endpoints);
  take_over_signals();
  process::notify_manager("READY=1");
  io_.run();
  log_.write("end", {{"requests_total", service_.stats.requests_total}});
  if (failure_) std::rethrow_exception(failure_);
  if (service_.broken) throw Error(*service_.broken);
  if (stdio_session_ && listeners_->empty() && stdio_session_->failure()) {
    throw stdio_session_->failure()->within("standard input");
  }
  if (lost_)
    throw make_error(ErrorKind::unavailable, "requests were under way").advise(" when --drain-timeout ended");
}

// Until here a signal ends the start, as it ends other tools; from here on it drains. One that came while
// clients were told where to connect, and so may know of it, drains as well.
void Server::take_over_signals() {
  // As for run_tool(): a second signal while draining ends the process at once.
  signals_.add(SIGTERM);
  signals_.add(SIGINT);
  drop_late_messages();
  if (stop_requested() != 0) begin_drain();
}

// Whatever goes wrong with it, the signals that follow must be heard.
void Server::look_anew() {
  try {
    log_.reopen();
    log_.write("reload", {});
    listeners_->renew_certificates();
    loader_.look();
  } catch (const std::exception& error) {
    warn("SIGHUP: {}", error.what());
  }
}

bool Server::is_crowded() const {
  return service_.sessions.size() + listeners_->greeting() >=
         static_cast<std::size_t>(options_.max_connections) + most_guests;
}

void Server::come(Listeners::Client client) {
  Origin origin{std::move(client.name), client.admin};
  // Without a place or a token for administrators, who could do it to the process or to the files may do it
  // here.
  if (options_.admin.empty() && service_.admin_token.empty()) origin.may_administer = client.local;
  if (is_crowded() && !make_room()) {
    ++service_.stats.connections_refused;
    const auto link = std::make_shared<protocol::FrameLink>(std::move(client.socket), options_.max_frame);
    link->send(link->maker().failed(0, wire::Code::busy, "no connection is free",
                                    fmt::format(": --max-connections {}", options_.max_connections)));
    return link->close_when_sent();
  }
  welcome(std::move(client.socket), std::move(origin));
}

// Whoever has been here longest without saying what they want makes room for the next.
bool Server::make_room() {
  std::shared_ptr<Session> oldest;
  for (const auto& session : service_.sessions) {
    if (session->is_client() || session->link().closing()) continue;
    if (!oldest || session->started() < oldest->started()) oldest = session;
  }
  if (!oldest) return false;
  oldest->evict("no connection is free", fmt::format(": --max-connections {}", options_.max_connections));
  return true;
}

std::shared_ptr<Session> Server::welcome(net::Socket socket, Origin origin) {
  auto session = std::make_shared<Session>(service_, std::move(socket), std::move(origin));
  service_.sessions.insert(session);
  spawn(session->run());
  return session;
}

asio::awaitable<void> Server::watch_signals() {
  for (;;) {
    auto [error, signal] = co_await signals_.async_wait(no_throw);
    if (error) co_return;
    if (signal == SIGHUP) {
      look_anew();
    } else if (service_.draining) {
      die_by_signal(signal);
    } else {
      begin_drain();
    }
  }
}

asio::awaitable<void> Server::watch_connections() {
  net::Timer timer(io_.get_executor());
  for (;;) {
    timer.expires_after(look_at_connections);
    if (!co_await timer.wait()) co_return;
    const auto now = service_.clock.now();
    const std::vector<std::shared_ptr<Session>> sessions(service_.sessions.begin(), service_.sessions.end());
    for (const auto& session : sessions) session->check_time(now);
  }
}

asio::awaitable<void> Server::watch_repositories() {
  net::Timer timer(io_.get_executor());
  for (;;) {
    timer.expires_after(
        std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options_.poll_s)));
    if (!co_await timer.wait()) co_return;
    loader_.look();
  }
}

void Server::begin_drain() {
  if (!std::exchange(service_.draining, true)) spawn(drain());
}

asio::awaitable<void> Server::drain() {
  process::notify_manager("STOPPING=1");
  log_.write("drain", {{"connections", service_.sessions.size()}, {"inflight", service_.inflight}});
  listeners_->close();
  const auto sessions = service_.sessions;
  for (const auto& session : sessions) session->drain();
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
  if (service_.broken && !service_.draining) return begin_drain();
  if (service_.training) return;
  const bool alone = options_.stdio && listeners_->empty() && service_.sessions.empty();
  if (!service_.draining && !alone) return;
  const auto sessions = service_.sessions;
  const bool busy = std::any_of(sessions.begin(), sessions.end(), [](const auto& s) { return s->busy(); });
  if (!busy && !std::exchange(ending_, true)) spawn(end());
}

// Frames that are queued go out first. The session of --stdio may have ended before, with some of them left.
asio::awaitable<void> Server::end() {
  const auto sessions = service_.sessions;
  for (const auto& session : sessions) session->close_when_sent();
  net::Timer pause(io_.get_executor());
  const auto deadline = service_.clock.now() + last_words;
  const auto talking = [&] {
    return stdio_session_ && !stdio_session_->link().all_sent() && service_.clock.now() < deadline;
  };
  while (listeners_->open_tls() > 0 || talking()) {
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
