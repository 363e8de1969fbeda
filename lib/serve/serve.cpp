// A server's process: what it computes with, signals, and whoever started it.
#include "serve/serve.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <utility>

#include "base/log.hpp"
#include "base/memory.hpp"
#include "base/signals.hpp"
#include "http/server.hpp"
#include "net/no_throw.hpp"
#include "net/task_group.hpp"
#include "process/notify.hpp"
#include "serve/experiments.hpp"
#include "serve/frontend.hpp"
#include "serve/models.hpp"

namespace nn::serve {
namespace {

using net::no_throw;

class Process {
 public:
  explicit Process(const ServeOptions& options);
  void run();

 private:
  static http::ServerLimits limits_of(const ServeOptions& options);
  net::Listeners::Events listener_events();
  void tell_threads();
  void tell_ready();
  void take_over_signals();
  void drain();
  asio::awaitable<void> end();
  asio::awaitable<void> watch_signals();
  asio::awaitable<void> watch_repositories();

  const ServeOptions& options_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  serving::EventLog log_;
  serving::CatalogHolder catalog_;
  Models models_;
  Experiments experiments_;
  Service service_;
  net::TaskGroup tasks_{io_};
  asio::signal_set signals_;
  net::Listeners listeners_;
  std::optional<http::Server> server_;
  bool lost_ = false;  // requests were under way when the time was over
};

// ---- start

Process::Process(const ServeOptions& options)
    : options_(options),
      log_(options.log),
      models_(options, io_, log_, catalog_, [this] { asio::post(io_, [this] { tell_threads(); }); }),
      experiments_(traffic::plans(options.traffic), catalog_, log_,
                   [this] { asio::post(io_, [this] { tell_threads(); }); }),
      service_{options, catalog_, models_.loader(), log_, &experiments_},
      signals_(io_),
      listeners_(io_, {.listen = options.listen, .admin = options.admin, .tls = options.tls, .http = true},
                 true, listener_events()) {
  service_.on_broken = [this] {
    asio::post(io_, [this] {
      tasks_.end(std::make_exception_ptr(
          make_error(ErrorKind::device, "a device failed, and answers nobody any more")));
    });
  };
}

// All threads look at the catalog, and at whether the server is to end.
void Process::tell_threads() {
  if (!server_) return;
  server_->in_each_thread([](http::Handler& handler) { static_cast<Frontend&>(handler).look(); });
}

http::ServerLimits Process::limits_of(const ServeOptions& options) {
  http::ServerLimits limits;
  limits.connections = options.max_connections;
  limits.inflated_bytes = options.max_inflated;
  limits.request_bytes = options.request_memory;
  limits.compress = options.compress;
  return limits;
}

net::Listeners::Events Process::listener_events() {
  net::Listeners::Events events;
  events.come = [this](net::Listeners::Client client) { server_->come(std::move(client)); };
  events.is_crowded = [] { return false; };
  events.rejected = [this](const std::string& name, const Error& error) {
    log_.write("unauthenticated", {{"client", name}, {"error", error.what()}});
  };
  events.failed = [this](std::exception_ptr error) { tasks_.end(std::move(error)); };
  return events;
}

void Process::run() {
  // Those who are told to look anew while they start do it afterwards.
  signals_.add(SIGHUP);
  if (listeners_.empty()) fail_usage("nothing to listen on; there is --listen http://HOST:PORT");
  models_.load();
  experiments_.look();
  backend::pin_thread(options_.devices.front());
  server_.emplace(io_, limits_of(options_),
                  options_.threads > 1 ? static_cast<std::size_t>(options_.threads) : 0,
                  [this](asio::io_context& io) { return std::make_unique<Frontend>(service_, io); });
  models_.start();
  experiments_.start();
  tasks_.spawn(watch_signals());
  if (options_.poll_s > 0 && models_.has_repositories()) tasks_.spawn(watch_repositories());
  listeners_.start();
  tell_ready();
  io_.run();
  server_->stop();
  experiments_.stop();
  log_.write("end", {{"requests_total", server_->stats().requests_total.load()}});
  tasks_.check();
  if (lost_) {
    throw make_error(ErrorKind::unavailable, "requests were under way").advise(" when --drain-timeout ended");
  }
}

void Process::tell_ready() {
  const std::vector<net::Endpoint> endpoints = listeners_.endpoints();
  std::vector<std::string> names, devices;
  names.reserve(endpoints.size());
  for (const net::Endpoint& endpoint : endpoints) names.push_back(net::to_string(endpoint));
  for (const backend::Device& device : options_.devices) devices.push_back(backend::to_string(device));
  log_.write("ready", {{"pid", ::getpid()}, {"endpoints", names}, {"devices", devices}});
  if (options_.on_ready) options_.on_ready(endpoints);
  take_over_signals();
  process::notify_manager("READY=1");
}

// Until here a signal ends the start, as it ends other tools; from here on it drains. One that came while
// clients were told where to connect, and so may know of it, drains as well.
void Process::take_over_signals() {
  signals_.add(SIGTERM);
  signals_.add(SIGINT);
  drop_late_messages();
  if (stop_requested() != 0) drain();
}

// ---- life and end

asio::awaitable<void> Process::watch_signals() {
  for (;;) {
    auto [error, signal] = co_await signals_.async_wait(no_throw);
    if (error) co_return;
    if (signal != SIGHUP) {
      if (service_.draining) die_by_signal(signal);
      drain();
      continue;
    }
    try {
      log_.reopen();
      log_.write("reload", {});
      listeners_.renew_certificates();
      models_.look();
    } catch (const std::exception& failure) {  // whatever went wrong, the signals that follow must be heard
      warn("SIGHUP: {}", failure.what());
    }
  }
}

asio::awaitable<void> Process::watch_repositories() {
  net::Timer timer(io_.get_executor());
  for (;;) {
    timer.expires_after(
        std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options_.poll_s)));
    if (!co_await timer.wait()) co_return;
    models_.look();
  }
}

void Process::drain() {
  if (service_.draining.exchange(true)) return;
  log_.write("drain", {});
  tell_threads();
  process::notify_manager("STOPPING=1");
  tasks_.spawn(end());
}

// It goes on accepting and serving while load balancers still send it requests; then what is under way is
// answered.
asio::awaitable<void> Process::end() {
  net::Timer timer(io_.get_executor());
  if (options_.drain_delay.count() > 0) {
    timer.expires_after(options_.drain_delay);
    co_await timer.wait();
  }
  listeners_.close();
  timer.expires_after(options_.drain_timeout);
  server_->drain([&timer] { timer.cancel(); });
  lost_ = co_await timer.wait();
  tasks_.end();
}

// Descriptors for all the clients that may come at once, and for what a server opens besides: the usual limit
// is one that can be raised.
void allow_descriptors(std::int64_t connections) {
  constexpr rlim_t others = 192;  // listeners, logs, models that are read
  const rlim_t needed = static_cast<rlim_t>(connections) + others;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) return;
  limit.rlim_cur = std::min(needed, limit.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < needed) {
    warn("only {} files may be open at once, too few for --max-connections {} (ulimit -Hn {})",
         limit.rlim_cur, connections, needed);
  }
}

}  // namespace

void serve(const ServeOptions& given) {
  ServeOptions options = given;
  if (options.devices.empty()) options.devices.emplace_back();
  for (const backend::Device& device : options.devices) backend::check_device(device);
  const bool remote = !options.at.empty() || !options.hosts.empty();
  if (options.models.empty() && !remote) {
    fail_usage("nothing to serve: no --model NAME=FILE, no --repository BASE, no --at ENDPOINT");
  }
  if (remote && !options.models.empty()) {
    fail_usage(
        "models come from --model and --repository, or from workers with --at and --hosts, not from both");
  }
  backend::pin_thread(options.devices.front());  // and every thread that is started from here on
  keep_large_blocks_apart();
  allow_descriptors(options.max_connections);
  Process process(options);
  process.run();
}

}  // namespace nn::serve
