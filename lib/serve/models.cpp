#include "serve/models.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <random>
#include <utility>

#include "base/log.hpp"
#include "base/scheduling.hpp"
#include "base/signals.hpp"
#include "base/text.hpp"
#include "process/notify.hpp"
#include "serving/background.hpp"
#include "serving/open_version.hpp"

namespace nn::serve {
namespace {

// What may be computed in the thread of a connection: to hand it over takes as long, and the thread's other
// connections wait meanwhile.
constexpr std::chrono::microseconds quick_time{20};
// What pieces of large requests may take while others wait.
constexpr std::chrono::microseconds slice_time{100};

constexpr int nice_steps = 5;  // of threads that compute

// Beyond that, something is wrong that only a new start mends.
constexpr std::chrono::seconds longest_step{60};
constexpr std::chrono::minutes longest_rest{10};  // of who loads, while a disk gives nothing

}  // namespace

Models::Models(const ServeOptions& options, boost::asio::io_context& io, serving::EventLog& log,
               serving::CatalogHolder& catalog, Operations& operations, std::function<void()> on_change)
    : options_(options),
      io_(io),
      catalog_(catalog),
      operations_(operations),
      loader_(loader_options(), log, catalog, on_change) {
  if (options.at.empty() && options.hosts.empty()) {
    for (const backend::Device& device : options.devices) {
      batchers_.push_back(std::make_unique<serving::Batcher>(batcher_options(device)));
      places_.push_back({device, batchers_.back().get()});
    }
    // Here, and not when the first is wanted: its thread would give way to others as the one that loads does.
    members_.emplace(client::RemoteMembersOptions{
        .access = worker_access(),
        .hedge = options.hedge,
        .queue_bytes = options.request_memory,
        .seed = std::random_device()(),
        // In the thread of the io_context, which has one as long as the loader.
        .changed = [this] { boost::asio::post(io_, [this] { loader_.look(); }); }});
    return;
  }
  client::RemoteCatalogOptions remote;
  remote.access = worker_access();
  remote.patience = remote.access.connect_timeout;
  remote.hedge = options.hedge;
  remote.queue_bytes = options.request_memory;
  remote.seed = std::random_device()();
  remote_.emplace(io, std::move(remote), catalog, log, std::move(on_change));
}

net::Access Models::worker_access() const {
  net::Access access = options_.worker_access;
  if (!access.token_file.empty()) access.token = net::read_token(access.token_file);
  return access;
}

// Where others can answer without it, a worker that can't be reached isn't waited for as long as it may take
// to connect.
std::shared_ptr<serving::LateServable> Models::find_member(const ensemble::EnsembleFile& file,
                                                           const ensemble::EnsembleFile::Member& member) {
  constexpr std::chrono::milliseconds short_patience{1000};
  const std::chrono::milliseconds patience = options_.worker_access.connect_timeout;
  const bool dispensable = file.quorum < file.members.size();
  return members_->find({member.name, member.model, member.version, member.at,
                         dispensable ? std::min(patience, short_patience) : patience});
}

serving::LoaderOptions Models::loader_options() {
  serving::LoaderOptions out;
  out.models = options_.models;
  for (repository::ModelSpec& spec : out.models) {
    spec.policy = spec.repository ? options_.policy : repository::VersionPolicy{};
  }
  out.lazy = options_.lazy;
  out.idle_unload = options_.idle_unload;
  out.may_serve_nothing = true;
  out.keep_requests = false;  // as with Triton: another server of the repository is another server
  out.memory = options_.memory;
  out.in_use = [this](const std::string& name, std::uint64_t version) {
    return operations_.counters.under_way(name, version) > 0;
  };
  out.displaced = [this](const std::string& name) { operations_.loads.add_eviction(name); };
  out.begin = [this] { serving::give_way(options_.devices); };
  out.needed = [this, plans = traffic::plans(options_.traffic)](const repository::ModelSpec& model) {
    const auto given = plans.find(model.name);
    return planned_[model.path].read(model.path,
                                     given == plans.end() ? traffic::TrafficPlan{} : given->second);
  };
  out.open = [this](const std::string& name, const repository::FoundVersion& version) {
    const Clock::time_point begin = Clock::machine().now();
    const auto record = [&](bool loaded) {
      operations_.loads.add(name, version.version, loaded,
                            std::chrono::duration<double>(Clock::machine().now() - begin).count());
    };
    try {
      auto model = open(name, version);
      record(true);
      return model;
    } catch (...) {
      record(false);
      throw;
    }
  };
  return out;
}

// The service manager is told of each, so that it waits for many as long as they take.
std::unique_ptr<serving::Servable> Models::open(const std::string& name,
                                                const repository::FoundVersion& version) {
  process::notify_manager(fmt::format("EXTEND_TIMEOUT_USEC=120000000\nSTATUS=loading {}, version {}",
                                      printable(name), version.version));
  return serving::open_version(
      name, version, places_, options_.precision,
      {.rows = options_.batch_max, .elsewhere = serving::spare_cores(options_.devices)},
      [this](const auto& file, const auto& member) { return find_member(file, member); });
}

serving::BatcherOptions Models::batcher_options(const backend::Device& device) const {
  serving::BatcherOptions out;
  out.device = backend::to_string(device);
  // The first of the device's cores: its other threads have the others (backend/cpu/team.hpp).
  backend::Device first = device;
  if (!first.cores.empty()) first.cores.resize(1);
  out.begin = [first] {
    backend::pin_thread(first);
    // Where connections are served on the same core, they come first: whoever waits for an answer, or for
    // hearing that there is none, is one of many.
    come_after_others(nice_steps);
  };
  out.quick_time = quick_time;
  out.limits.step_rows = options_.batch_max;
  out.limits.queue_bytes = options_.request_memory;
  out.limits.slice_time = slice_time;
  out.limits.slo = options_.door.slo;
  out.limits.longest_wait = options_.door.longest();
  return out;
}

std::vector<net::Endpoint> Models::endpoints() const {
  std::vector<net::Endpoint> out = options_.at;
  for (const std::string& file : options_.hosts) {
    for (net::Endpoint& endpoint : net::read_hosts(file)) out.push_back(std::move(endpoint));
  }
  if (out.empty()) fail_data("no worker is named");
  return out;
}

void Models::load() {
  if (!remote_) {
    loader_.load_all();
    if (!catalog_.get()->any_available())
      warn("no model answers yet: the server starts, isn't ready, and looks again{}",
           options_.poll_s > 0 ? "" : " with SIGHUP (--poll 0)");
    return;
  }
  remote_->set_workers(endpoints());
  wait_for_workers();
}

void Models::wait_for_workers() {
  using Machine = std::chrono::steady_clock;
  const auto end = Machine::now() + options_.worker_access.connect_timeout;
  const auto known = [&] {
    const auto catalog = catalog_.get();
    return !catalog->models.empty() && catalog->all_available();
  };
  while (!known() && Machine::now() < end) {
    throw_if_stopped();
    io_.run_one_until(std::min(end, Machine::now() + std::chrono::milliseconds(100)));
  }
  if (known()) return;
  std::string why;
  for (const auto& worker : remote_->workers()) {
    why += fmt::format("; {}: {}", worker.name, worker.figures.up ? "nothing is served there" : worker.error);
  }
  warn("no worker has told yet what it serves{}; they are asked again and again", why);
}

std::vector<client::RemoteCatalog::WorkerReport> Models::workers() const {
  if (!remote_) return {};
  return remote_->workers();
}

void Models::start() {
  if (!remote_) loader_.start();
}

std::vector<std::function<std::optional<std::string>()>> Models::stuck_threads() {
  std::vector<std::function<std::optional<std::string>()>> out;
  for (const auto& batcher : batchers_)
    out.emplace_back([&batcher = *batcher] { return batcher.stuck(Clock::machine().now(), longest_step); });
  if (!remote_) out.emplace_back([this] { return loader_.stuck(Clock::machine().now(), longest_rest); });
  return out;
}

void Models::look() {
  if (remote_) return remote_->set_workers(endpoints());
  loader_.look();
}

}  // namespace nn::serve
