// A server's process: what it computes with, signals, and whoever started it.
#include "serve/serve.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <ctime>
#include <utility>

#include "base/log.hpp"
#include "base/memory.hpp"
#include "base/scheduling.hpp"
#include "base/signals.hpp"
#include "base/text.hpp"
#include "http/server.hpp"
#include "net/hear.hpp"
#include "net/no_throw.hpp"
#include "net/task_group.hpp"
#include "process/notify.hpp"
#include "repository/watch.hpp"
#include "serve/experiments.hpp"
#include "serve/frontend.hpp"
#include "serve/models.hpp"
#include "serve/reporter.hpp"
#include "serve/setup.hpp"
#include "serve/status.hpp"
#include "serve/upkeep.hpp"
#include "serve/watchdog.hpp"

namespace nn::serve {
namespace {

using net::no_throw;

class Process {
 public:
  explicit Process(const ServeOptions& options);
  ~Process();
  void run();

 private:
  static http::ServerLimits limits_of(const ServeOptions& options);
  net::Listeners::Events listener_events();
  void tell_threads();
  void tell_status(std::string_view state);
  void reload();
  std::vector<std::string> configure();
  void print_status();
  void tell_ready();
  void start_watchdog();
  void take_over_signals();
  void drain();
  asio::awaitable<void> end();
  asio::awaitable<void> watch_signals();
  asio::awaitable<void> hear_of_repositories();
  asio::awaitable<void> watch_repositories();

  const ServeOptions& options_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  serving::EventLog log_;
  serving::CatalogHolder catalog_;
  Operations operations_{std::chrono::system_clock::now()};
  Models models_;
  Experiments experiments_;
  Reporter reporter_;
  Service service_;
  net::TaskGroup tasks_{io_};
  asio::signal_set signals_;
  net::Listeners listeners_;
  std::optional<http::Server> server_;
  std::optional<Upkeep> upkeep_;
  std::optional<Watchdog> watchdog_;  // where the service manager wants to hear of us
  // These may change while it runs.
  double poll_s_ = 0;
  std::chrono::milliseconds drain_delay_{0}, drain_timeout_{0};
  bool lost_ = false;  // requests were under way when the time was over
};

// ---- start

Process::Process(const ServeOptions& options)
    : options_(options),
      log_(options.log),
      models_(options, io_, log_, catalog_, operations_,
              [this] { asio::post(io_, [this] { tell_threads(); }); }),
      experiments_(traffic::plans(options.traffic), catalog_, log_,
                   [this] { asio::post(io_, [this] { tell_threads(); }); }),
      service_{options, catalog_, models_.loader(), log_, operations_, reporter_, &experiments_},
      signals_(io_),
      listeners_(io_, listen_options_of(options), !is_guarded(options), listener_events()),
      poll_s_(options.poll_s),
      drain_delay_(drain_delay_of(options)),
      drain_timeout_(options.drain_timeout) {
  set_up(operations_, options);
  service_.on_broken = [this] {
    asio::post(io_, [this] {
      tasks_.end(std::make_exception_ptr(
          make_error(ErrorKind::device, "a device failed, and answers nobody any more")));
    });
  };
}

// Whoever reports looks at the server, and whoever serves asks for reports.
Process::~Process() {
  if (server_) server_->stop();
  reporter_.stop();
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
  events.is_crowded = [this] {
    return std::cmp_greater_equal(listeners_.greeting(), options_.max_connections);
  };
  events.rejected = [this](const std::string& name, const Error& error) {
    log_.write("unauthenticated", {{"client", name}, {"error", error.what()}});
  };
  events.failed = [this](std::exception_ptr error) { tasks_.end(std::move(error)); };
  return events;
}

void Process::run() {
  // Those who are told to look anew while they start do it afterwards.
  signals_.add(SIGHUP);
  if (listeners_.endpoints().empty() && options_.admin.empty())
    fail_usage("nothing to listen on; there is --listen http://HOST:PORT");
  models_.load();
  experiments_.look();
  backend::unpin_thread();  // loading pins; connections are served on any core
  take_short_turns();
  server_.emplace(io_, limits_of(options_),
                  options_.threads > 1 ? static_cast<std::size_t>(options_.threads) : 0,
                  [this](asio::io_context& io) { return std::make_unique<Frontend>(service_, io); });
  operations_.server = &*server_;
  operations_.traffic = [this](const std::string& model) -> std::optional<TrafficView> {
    const auto models = experiments_.models();
    const auto found = models->find(model);
    if (found == models->end()) return std::nullopt;
    const traffic::TrafficCounters& counters = found->second->counters();
    return TrafficView{found->second->figures(), counters.fallbacks, counters.shadow_agree,
                       counters.shadow_differ, counters.shadow_dropped};
  };
  if (!models_.has_repositories()) operations_.workers = [this] { return models_.workers(); };
  upkeep_.emplace(io_, service_, *server_, [this] {
    log_.write("idle", {});
    drain();
  });
  models_.start();
  experiments_.start();
  tasks_.spawn(watch_signals());
  if (models_.has_repositories()) {
    tasks_.spawn(watch_repositories());
    if (options_.poll_s > 0) tasks_.spawn(hear_of_repositories());
  }
  listeners_.start();
  upkeep_->start();
  upkeep_->set_exit_idle(options_.operations.exit_idle);
  tell_ready();
  start_watchdog();
  io_.run();
  watchdog_.reset();
  upkeep_->stop();
  server_->stop();
  experiments_.stop();
  log_.write("end", {{"requests_total", server_->stats().requests_total.load()}});
  tasks_.check();
  if (lost_) {
    throw make_error(ErrorKind::unavailable, "requests were under way").advise(" when --drain-timeout ended");
  }
}

std::vector<std::string> names_of(const std::vector<net::Endpoint>& endpoints) {
  std::vector<std::string> names;
  names.reserve(endpoints.size());
  for (const net::Endpoint& endpoint : endpoints) names.push_back(net::to_string(endpoint));
  return names;
}

void Process::tell_ready() {
  const std::vector<net::Endpoint> endpoints = listeners_.endpoints();
  std::vector<std::string> devices;
  for (const backend::Device& device : options_.devices) devices.push_back(backend::to_string(device));
  log_.write("ready", {{"pid", ::getpid()},
                       {"endpoints", names_of(endpoints)},
                       {"metrics", names_of(listeners_.endpoints(net::Entrance::metrics))},
                       {"devices", devices}});
  if (options_.on_ready) options_.on_ready(endpoints);
  take_over_signals();
  tell_status("READY=1");
}

void Process::start_watchdog() {
  const std::chrono::microseconds interval = watchdog_interval();
  if (interval.count() == 0) return;
  const auto threads = static_cast<std::size_t>(options_.threads > 1 ? options_.threads : 0);
  std::vector<Watchdog::Visited> visited;
  visited.push_back({threads == 0 ? "the thread that serves connections" : "the main thread",
                     [this](std::function<void()> come) { asio::post(io_, std::move(come)); }});
  for (std::size_t i = 0; i < threads; ++i) {
    visited.push_back({fmt::format("thread {} of {} that serve connections", i + 1, threads),
                       [this, i](std::function<void()> come) { server_->in_thread(i, std::move(come)); }});
  }
  watchdog_.emplace(interval, std::move(visited), models_.stuck_threads(),
                    Watchdog::Hooks{.well = [] { process::notify_manager("WATCHDOG=1"); },
                                    .stuck =
                                        [this](const std::string& what) {
                                          warn("{}; the service manager is told no more that all is well",
                                               what);
                                          log_.write("stuck", {{"what", what}});
                                        }});
  watchdog_->start();
}

void Process::tell_status(std::string_view state) {
  std::size_t models = 0, available = 0;
  for (const auto& entry : catalog_.get()->models) {
    ++models;
    available += catalog_.get()->find(entry.name).servable ? 1 : 0;
  }
  process::notify_manager(fmt::format("{}\nSTATUS={} of {} models answer", state, available, models));
}

// Until here a signal ends the start, as it ends other tools; from here on it drains. One that came while
// clients were told where to connect, and so may know of it, drains as well.
void Process::take_over_signals() {
  signals_.add(SIGTERM);
  signals_.add(SIGINT);
  signals_.add(SIGUSR1);
  drop_late_messages();
  if (stop_requested() != 0) drain();
}

// ---- life and end

asio::awaitable<void> Process::watch_signals() {
  for (;;) {
    auto [error, signal] = co_await signals_.async_wait(no_throw);
    if (error) co_return;
    if (signal == SIGUSR1) {
      print_status();
      continue;
    }
    if (signal != SIGHUP) {
      if (service_.draining) die_by_signal(signal);
      drain();
      continue;
    }
    reload();
  }
}

// Whatever goes wrong, the rest is done, and the signals that follow must be heard. All that may fail goes
// one way: what was in force stays, and whoever watches reloads hears of it.
void Process::reload() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  process::notify_manager(
      fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1'000'000LL + now.tv_nsec / 1000));
  std::string failed;
  std::vector<std::string> later;
  const auto try_to = [&](const auto& act) {
    try {
      act();
    } catch (const std::exception& failure) {
      warn("SIGHUP: {}; what was in force stays", failure.what());
      log_.write("reload_failed", {{"error", failure.what()}});
      failed += (failed.empty() ? "" : "; ") + std::string(failure.what());
    }
  };
  try_to([&] {
    log_.reopen();
    log_.write("reload", {});
    if (operations_.access_log) operations_.access_log->reopen();
    if (operations_.capture) operations_.capture->flush();
  });
  try_to([&] { listeners_.renew_certificates(); });
  try_to([&] { models_.look(); });
  try_to([&] { later = configure(); });
  if (failed.empty()) {
    operations_.reloads.succeeded(std::chrono::system_clock::now(), std::move(later));
  } else {
    operations_.reloads.failed(failed);
  }
  tell_status("READY=1");
}

// Takes over what may change while it runs; all of it is right, or nothing is taken. Returns what changes
// with the next start only.
std::vector<std::string> Process::configure() {
  const ServeOptions options = checked(options_.reload ? options_.reload() : options_);
  if (is_guarded(options_) && !is_guarded(options)) {
    fail_usage("anybody could come in, which needs a new start");
  }
  std::vector<std::string> later = changed_later(options_, options);
  check_changed(options, later);
  set_access(operations_.access, options);
  poll_s_ = options.poll_s;
  drain_delay_ = drain_delay_of(options);
  drain_timeout_ = options.drain_timeout;
  operations_.settings.max_body = options.max_body;
  if (operations_.access_log) operations_.access_log->set_sample(options.operations.log_sample);
  upkeep_->set_exit_idle(options.operations.exit_idle);
  if (!later.empty()) {
    log_.write("reload_later", {{"options", later}});
    for (const std::string& name : later) warn("SIGHUP: {} changes with the next start", name);
  }
  return later;
}

void Process::print_status() {
  reporter_.post([this] {
    try {
      const std::string text = status_text(status_of(service_, Clock::machine().now()));
      for (const std::string& line : split_lines(text)) {
        if (!line.empty()) print_message(line);
      }
    } catch (const std::exception& failure) {
      warn("SIGUSR1: {}", failure.what());
    }
  });
}

asio::awaitable<void> Process::hear_of_repositories() {
  std::vector<std::string> paths;
  for (const repository::ModelSpec& spec : options_.models) paths.push_back(spec.path);
  repository::RepositoryWatch watch(std::move(paths));
  co_await net::hear(io_, watch, [this] { models_.look(); });
}

asio::awaitable<void> Process::watch_repositories() {
  net::Timer timer(io_.get_executor());
  for (;;) {
    timer.expires_after(std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double>(poll_s_ > 0 ? poll_s_ : 1)));
    if (!co_await timer.wait()) co_return;
    if (poll_s_ > 0) models_.look();
  }
}

void Process::drain() {
  if (service_.draining.exchange(true)) return;
  log_.write("drain", {});
  tell_threads();
  tell_status("STOPPING=1");
  tasks_.spawn(end());
}

// It goes on accepting and serving while load balancers still send it requests; then what is under way is
// answered.
asio::awaitable<void> Process::end() {
  net::Timer timer(io_.get_executor());
  if (drain_delay_.count() > 0) {
    timer.expires_after(drain_delay_);
    co_await timer.wait();
  }
  listeners_.close();
  const Clock::time_point end = net::clock_of(io_).now() + drain_timeout_;
  timer.expires_at(end);
  server_->in_each_thread([](http::Handler& handler) { static_cast<Frontend&>(handler).end_streams(); });
  server_->drain([&timer] { timer.cancel(); });
  lost_ = co_await timer.wait();
  // What has been answered over TLS may be on its way yet, between us and the encryption.
  while (!lost_ && listeners_.open_tls() > 0) {
    constexpr std::chrono::milliseconds pause{20};
    timer.expires_after(pause);
    co_await timer.wait();
    lost_ = net::clock_of(io_).now() >= end;
  }
  tasks_.end();
}

// Descriptors for all the clients that may come at once, and for what a server opens besides: the usual limit
// is one that can be raised.
void allow_descriptors(std::int64_t connections, bool tls) {
  constexpr rlim_t others = 192;  // listeners, logs, models that are read
  const rlim_t needed = static_cast<rlim_t>(connections) + others;
  // Over TLS there is a pair of sockets behind each (net/tls.hpp), and as many may be in the handshake.
  const rlim_t wanted = needed + (tls ? 3 * static_cast<rlim_t>(connections) : 0);
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < needed) {
    warn("only {} files may be open at once, too few for --max-connections {} (ulimit -Hn {})",
         limit.rlim_cur, connections, needed);
  }
}

}  // namespace

void check(const ServeOptions& given, const std::map<std::string, std::string>& written) {
  const ServeOptions options = checked(given);
  read_tokens(options);
  check_listening(options);
  check_models(options);
  check_workers(options);
  check_written(options, written);
  warn_of_traffic(options);
}

void serve(const ServeOptions& given) {
  const ServeOptions options = checked(given);
  keep_large_blocks_apart();
  allow_descriptors(options.max_connections, options.tls.any());
  Process process(options);
  process.run();
}

}  // namespace nn::serve
