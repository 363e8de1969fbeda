#include "client/remote_catalog.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/log.hpp"
#include "base/text.hpp"
#include "client/remote_model.hpp"
#include "client/replicas.hpp"
#include "client/worker_set.hpp"

namespace nn::client {
namespace {

using Leases = std::vector<std::shared_ptr<Lease>>;

// A version of a model, by all workers that have it.
struct Version {
  std::string digest;
  Leases workers;
};

}  // namespace

struct RemoteCatalog::State : std::enable_shared_from_this<State> {
  struct Opened {
    std::string digest;
    std::shared_ptr<Leases> workers;  // those that are asked now
    std::shared_ptr<serving::Servable> servable;
    std::shared_ptr<Leases> opening;                // those that will be, once it is open
    bool there = false;                             // a worker that has it can be reached
    std::optional<Clock::time_point> lost_at = {};  // since when none can
  };
  using Key = std::pair<std::string, std::uint64_t>;

  State(asio::io_context& context, RemoteCatalogOptions its_options, serving::CatalogHolder& holder,
        serving::EventLog& event_log, std::function<void()> changed)
      : io(context),
        clock(net::clock_of(context)),
        options(std::move(its_options)),
        catalog(holder),
        log(event_log),
        on_change(std::move(changed)),
        timer(context.get_executor()),
        soon(context.get_executor()),
        lost(context.get_executor()) {}

  void look_later() {
    timer.expires_after(options.look_every);
    timer.wait([weak = weak_from_this()](bool expired) {
      const auto self = weak.lock();
      if (!expired || !self) return;
      self->workers->look();
      self->look_later();
    });
  }

  // Once for all that happens in one turn of the loop.
  void reconcile_soon() {
    if (std::exchange(reconciling, true)) return;
    soon.expires_after({});
    soon.wait([weak = weak_from_this()](bool expired) {
      const auto self = weak.lock();
      if (!expired || !self) return;
      self->reconciling = false;
      self->reconcile();
    });
  }

  // Versions that are served, by those workers that have the same bytes.
  std::map<Key, Version> wanted() {
    std::map<Key, std::map<std::string, Leases>> offered;  // by digest
    std::map<std::string, std::size_t> most;               // workers of a model's version
    for (const auto& worker : workers->workers()) {
      if (!worker->offers) continue;
      for (const auto& [name, offer] : *worker->offers) {
        for (const auto& [number, digest] : offer.versions) {
          auto& same = offered[{name, number}][digest];
          same.push_back(worker->lease);
          most[name] = std::max(most[name], same.size());
        }
      }
    }
    std::map<Key, Version> out;
    std::set<std::string> differ;
    for (auto& [key, by_digest] : offered) {
      const auto largest =
          std::max_element(by_digest.begin(), by_digest.end(),
                           [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
      if (2 * largest->second.size() < most[key.first]) continue;
      for (const auto& [digest, others] : by_digest) {
        if (digest != largest->first)
          tell_of_others(key, others, largest->second.front()->connection()->name(), differ);
      }
      out[key] = {largest->first, std::move(largest->second)};
    }
    told_of = std::move(differ);
    return out;
  }

  // When it begins to differ, which is noted in `differ`.
  void tell_of_others(const Key& key, const Leases& others, const std::string& most,
                      std::set<std::string>& differ) const {
    for (const auto& lease : others) {
      const auto& worker = lease->connection();
      std::string what = fmt::format("{} {} {}", worker->name(), key.first, key.second);
      const bool told = told_of.contains(what);
      differ.insert(std::move(what));
      if (told) continue;
      warn("{}: {}/{} is another model there than at {}; this worker is not asked for it", worker->name(),
           printable(key.first), key.second, most);
    }
  }

  void reconcile() {
    const auto versions = wanted();
    for (const auto& [key, version] : versions) {
      Opened& entry = opened[key];
      const auto& latest = entry.opening ? entry.opening : entry.workers;
      if (latest && entry.digest == version.digest && *latest == version.workers) continue;
      open(key, version);
    }
    const std::size_t before = opened.size();
    // A version stays while nothing takes its place: workers that can't be reached now may come back.
    std::erase_if(opened, [&](const auto& entry) {
      if (versions.contains(entry.first) ||
          !(has_other(entry.first, versions) || workers->have_let_go(entry.first.first)))
        return false;
      log.write("unload", {{"model", entry.first.first}, {"version", entry.first.second}});
      return true;
    });
    const bool moved = look_for_lost();
    if (moved || opened.size() != before || labels_changed()) publish();
  }

  // Another version of the model, that is offered, answers.
  bool has_other(const Key& key, const std::map<Key, Version>& versions) const {
    return std::any_of(versions.begin(), versions.end(), [&](const auto& other) {
      const auto found = opened.find(other.first);
      return other.first.first == key.first && found != opened.end() && found->second.servable;
    });
  }

  // Which versions can be reached no longer, and which again? True where one moved.
  bool look_for_lost() {
    const auto now = clock.now();
    auto next = Clock::time_point::max();
    bool moved = false;
    for (auto& [key, entry] : opened) {
      if (!entry.servable) continue;
      const bool offered = workers->is_offered(key.first, key.second, entry.digest);
      if (offered) {
        entry.lost_at.reset();
      } else {
        const auto end = (entry.lost_at ? *entry.lost_at : entry.lost_at.emplace(now)) + options.grace;
        if (now < end) {
          next = std::min(next, end);
          continue;
        }
      }
      if (std::exchange(entry.there, offered) == offered) continue;
      moved = true;
      tell_of_loss(key, offered);
    }
    if (next != Clock::time_point::max()) {
      lost.expires_at(next);
      lost.wait([weak = weak_from_this()](bool expired) {
        const auto self = weak.lock();
        if (expired && self) self->reconcile();
      });
    }
    return moved;
  }

  void tell_of_loss(const Key& key, bool is_back) {
    if (is_back) {
      log.write("reachable", {{"model", key.first}, {"version", key.second}});
      return warn("model {}, version {}: a worker can be reached again", printable(key.first), key.second);
    }
    const std::string why = workers->why_down();
    log.write("unreachable", {{"model", key.first}, {"version", key.second}, {"error", why}});
    warn("model {}, version {}: no worker can be reached, and requests are refused until one is back{}{}",
         printable(key.first), key.second, why.empty() ? "" : "; ", why);
  }

  void open(const Key& key, const Version& version) {
    Opened& entry = opened[key];
    entry.digest = version.digest;
    entry.opening = std::make_shared<Leases>(version.workers);
    std::vector<std::shared_ptr<Connection>> connections;
    for (const auto& lease : version.workers) connections.push_back(lease->connection());
    const auto asked = std::make_shared<Workers>(std::move(connections));
    RemoteModelOptions model;
    model.name = key.first;
    model.remote_name = key.first;
    model.version = key.second;
    model.patience = options.patience;
    model.grace = options.grace;
    model.seed = options.seed;
    model.failed = [this, weak = weak_from_this(), key](const Error& error) {
      const auto self = weak.lock();
      if (self) log.write("failed", {{"model", key.first}, {"version", key.second}, {"error", error.what()}});
    };
    model.left_out = [this, weak = weak_from_this(), key](const std::string& worker, const std::string& why) {
      const auto self = weak.lock();
      if (!self) return;
      log.write("worker_left_out", {{"worker", worker}, {"model", key.first}, {"reason", why}});
      warn("{}: {}; it is left out for a while", worker, why);
    };
    model.hedge = options.hedge;
    model.queue_bytes = options.queue_bytes;
    model.keep = entry.opening;
    open_remote_model(io, *asked, model,
                      [weak = weak_from_this(), key, asked, leases = entry.opening](const auto& what) {
                        const auto self = weak.lock();
                        if (self) self->opened_now(key, leases, what);
                      });
  }

  void opened_now(const Key& key, const std::shared_ptr<Leases>& asked,
                  const std::variant<std::shared_ptr<serving::Servable>, Error>& what) {
    const auto found = opened.find(key);
    if (found == opened.end() || found->second.opening != asked) return;  // another one came meanwhile
    Opened& entry = found->second;
    entry.opening.reset();
    if (const auto* error = std::get_if<Error>(&what)) {
      log.write("load_failed", {{"model", key.first}, {"version", key.second}, {"error", error->what()}});
      if (entry.servable) return;
      opened.erase(found);  // the next look tries again
      return publish();
    }
    if (!entry.servable) log.write("load", {{"model", key.first}, {"version", key.second}});
    entry.workers = asked;
    entry.there = true;
    entry.lost_at.reset();
    entry.servable = std::get<std::shared_ptr<serving::Servable>>(what);
    publish();
  }

  using Labels = std::map<std::string, std::map<std::string, std::uint64_t, std::less<>>>;
  // Those of the first worker that has the model; as long as none can be reached, those that it had.
  Labels labels_now() const {
    Labels out;
    for (const auto& worker : workers->workers()) {
      if (!worker->offers) continue;
      for (const auto& [name, offer] : *worker->offers) out.try_emplace(name, offer.labels);
    }
    for (const auto& [key, entry] : opened) {
      if (const auto before = labels.find(key.first); before != labels.end()) out.insert(*before);
    }
    return out;
  }

  bool labels_changed() const { return labels_now() != labels; }

  void publish() {
    labels = labels_now();
    std::map<std::string, serving::ModelEntry, std::less<>> models;
    for (const auto& [key, entry] : opened) {
      serving::ModelEntry& model = models[key.first];
      using enum serving::VersionState;
      serving::VersionEntry& version = model.versions[key.second];
      version.state = entry.there ? available : entry.servable ? end : loading;
      if (entry.there) version.servable = entry.servable;
      if (version.state == end) version.reason = no_worker(workers->why_down());
      if (const auto found = labels.find(key.first); found != labels.end()) model.labels = found->second;
    }
    catalog.set(std::make_shared<serving::Catalog>(
        serving::Catalog{serving::SnapshotMap<serving::ModelEntry>(std::move(models))}));
    on_change();
  }

  asio::io_context& io;
  Clock& clock;
  RemoteCatalogOptions options;
  serving::CatalogHolder& catalog;
  serving::EventLog& log;
  std::function<void()> on_change;
  net::Timer timer, soon, lost;
  bool reconciling = false;
  std::shared_ptr<WorkerSet> workers;
  std::map<Key, Opened> opened;
  Labels labels;
  std::set<std::string> told_of;
};

RemoteCatalog::RemoteCatalog(asio::io_context& io, RemoteCatalogOptions options,
                             serving::CatalogHolder& catalog, serving::EventLog& log,
                             std::function<void()> on_change)
    : state_(std::make_shared<State>(io, std::move(options), catalog, log, std::move(on_change))) {
  state_->workers = std::make_shared<WorkerSet>(io, state_->options, log, [state = std::weak_ptr(state_)] {
    if (const auto self = state.lock()) self->reconcile_soon();
  });
  state_->look_later();
}

RemoteCatalog::~RemoteCatalog() = default;

// Models that ask those that go keep their connections, until others take their place.
void RemoteCatalog::set_workers(const std::vector<net::Endpoint>& endpoints) {
  state_->workers->set(endpoints);
  look();
  state_->reconcile_soon();
}

void RemoteCatalog::look() { state_->workers->look(); }

std::vector<RemoteCatalog::WorkerReport> RemoteCatalog::workers() const { return state_->workers->report(); }

}  // namespace nn::client
