// A worker's process: what it computes with, signals, and whoever started it.
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
#include "net/no_throw.hpp"
#include "process/notify.hpp"
#include "serving/batcher.hpp"
#include "serving/open_version.hpp"
#include "worker/server.hpp"
#include "worker/stdio.hpp"

namespace nn::worker {
namespace {

using net::no_throw;

class Process {
 public:
  explicit Process(const WorkerOptions& options);
  void run();

 private:
  serving::LoaderOptions loader_options(const WorkerOptions& options);
  static serving::BatcherOptions batcher_options(const WorkerOptions& options);
  void tell_ready();
  void take_over_signals();
  asio::awaitable<void> watch_signals();

  const WorkerOptions& options_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  serving::EventLog log_;
  serving::CatalogHolder catalog_;
  serving::Batcher batcher_;
  serving::Loader loader_;
  Service service_;
  asio::signal_set signals_;
  std::unique_ptr<StdioBridge> stdio_;
  std::optional<Server> server_;
};

Process::Process(const WorkerOptions& options)
    : options_(options),
      log_(options.log),
      batcher_(batcher_options(options)),
      loader_(loader_options(options), log_, catalog_, [] {}),
      service_(io_, options, catalog_, loader_, log_),
      signals_(io_) {
  if (!options.train_folder.empty()) service_.train_program = training_program();
  if (!options.token_file.empty()) service_.token = net::read_token(options.token_file);
  if (!options.admin_token_file.empty()) service_.admin_token = net::read_token(options.admin_token_file);
  if (!service_.token.empty() && service_.token == service_.admin_token) {
    throw data_error("the same token as in {}, with which everybody could load and unload models",
                     options.token_file)
        .within_file(options.admin_token_file);
  }
}

serving::LoaderOptions Process::loader_options(const WorkerOptions& options) {
  serving::LoaderOptions out;
  out.models = options.models;
  for (repository::ModelSpec& spec : out.models)
    spec.policy = spec.repository ? options.policy : repository::VersionPolicy{};
  out.open = [this, device = options.device, precision = options.precision, rows = options.batch_max](
                 const std::string& name, const repository::FoundVersion& version) {
    backend::pin_thread(device);  // the last model was computed with on its first core
    const serving::Place place{device, &batcher_};
    return serving::open_version(name, version, {&place, 1}, precision, {.rows = rows});
  };
  return out;
}

serving::BatcherOptions Process::batcher_options(const WorkerOptions& options) {
  serving::BatcherOptions out;
  out.limits.step_rows = options.batch_max;
  out.limits.delay = options.batch_delay;
  out.limits.queue_bytes = options.max_memory;
  return out;
}

void Process::run() {
  // Those who are told to look anew while they start do it afterwards.
  signals_.add(SIGHUP);
  loader_.load_all();
  backend::pin_thread(
      options_.device);  // as before: also whoever is started from here on, trainings among them
  server_.emplace(service_);
  if (!server_->listens() && !options_.stdio) {
    fail_usage("nothing to listen on; there are --listen ENDPOINT and --stdio");
  }
  loader_.start();
  server_->spawn(watch_signals());
  server_->start();
  if (options_.stdio) {
    stdio_ = std::make_unique<StdioBridge>();
    server_->attach(net::adopt_socket(io_, stdio_->take_socket()));
  }
  tell_ready();
  io_.run();
  log_.write("end", {{"requests_total", service_.stats.requests_total}});
  server_->check_end();
}

void Process::tell_ready() {
  const std::vector<net::Endpoint> endpoints = server_->endpoints();
  std::vector<std::string> names;
  names.reserve(endpoints.size());
  for (const net::Endpoint& endpoint : endpoints) names.push_back(net::to_string(endpoint));
  log_.write("ready",
             {{"pid", ::getpid()}, {"endpoints", names}, {"device", backend::to_string(options_.device)}});
  if (options_.on_ready) options_.on_ready(endpoints);
  take_over_signals();
  process::notify_manager("READY=1");
}

// Until here a signal ends the start, as it ends other tools; from here on it drains. One that came while
// clients were told where to connect, and so may know of it, drains as well.
void Process::take_over_signals() {
  // As for run_tool(): a second signal while draining ends the process at once.
  signals_.add(SIGTERM);
  signals_.add(SIGINT);
  drop_late_messages();
  if (stop_requested() != 0) server_->drain();
}

asio::awaitable<void> Process::watch_signals() {
  for (;;) {
    auto [error, signal] = co_await signals_.async_wait(no_throw);
    if (error) co_return;
    if (signal != SIGHUP) {
      if (server_->draining()) die_by_signal(signal);
      server_->drain();
      continue;
    }
    try {
      server_->look_anew();
    } catch (const std::exception& failure) {  // whatever went wrong, the signals that follow must be heard
      warn("SIGHUP: {}", failure.what());
    }
  }
}

// Descriptors for all the clients that may come at once, and for what a worker opens besides: the usual limit
// is one that can be raised.
void allow_descriptors(const WorkerOptions& options) {
  constexpr rlim_t others = 192;  // guests, listeners, logs, pipes of a training
  const rlim_t needed = static_cast<rlim_t>(options.max_connections) + others;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= needed) return;
  limit.rlim_cur = std::min(needed, limit.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < needed) {
    warn("only {} files may be open at once, too few for --max-connections {} (ulimit -Hn {})",
         limit.rlim_cur, options.max_connections, needed);
  }
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
  keep_large_blocks_apart();
  allow_descriptors(options);
  Process process(options);
  process.run();
}

}  // namespace nn::worker
