#include "serving/loader.hpp"

#ifdef __GLIBC__
  #include <malloc.h>
#endif

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "base/signals.hpp"
#include "base/text.hpp"

namespace nn::serving {
namespace {

// Gives freed memory back to the system: the next version may need it in another process.
void give_back_memory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

// A file that can't be opened, or memory that isn't there, may be better next time; a wrong file won't.
bool may_pass(ErrorKind kind) {
  return kind == ErrorKind::io || kind == ErrorKind::unavailable || kind == ErrorKind::internal;
}

bool same_fault(const std::optional<Error>& a, const std::optional<Error>& b) {
  return a.has_value() == b.has_value() && (!a || (a->kind() == b->kind() && a->message() == b->message()));
}

}  // namespace

// Requests to the loader's thread.
struct Loader::Inbox {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Change> changes;
  std::vector<std::unique_ptr<Servable>> unused;  // to be freed
  bool look = false, stop = false;
};

Loader::Loader(LoaderOptions options, EventLog& log, CatalogHolder& catalog, std::function<void()> on_change,
               const Clock& clock)
    : options_(std::move(options)),
      log_(log),
      catalog_(catalog),
      on_change_(std::move(on_change)),
      clock_(clock),
      inbox_(std::make_shared<Inbox>()) {
  for (const repository::ModelSpec& spec : options_.models) {
    for (const Entry& entry : entries_) {
      if (entry.spec.name == spec.name) fail_usage("two models are called '{}'; write NAME=PATH", spec.name);
    }
    entries_.emplace_back().spec = spec;
  }
}

Loader::~Loader() {
  {
    const std::lock_guard lock(inbox_->mutex);
    inbox_->stop = true;
    inbox_->changed.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void Loader::load_all() {
  publish();
  look_at_all();
  throw_if_stopped();
  std::optional<Error> first;
  bool any = false;
  for (const Entry& entry : entries_) {
    any = any || !entry.loaded.empty();
    if (!entry.loaded.empty() || first) continue;
    if (!entry.failed.empty()) {
      first = entry.failed.rbegin()->second.reason;
    } else if (entry.reason) {
      first = entry.reason;
    } else {
      first = data_error("no version in it that is wanted; a version is {}/1/model.nn", entry.spec.path)
                  .within_file(entry.spec.path);
    }
  }
  if (!any && first) throw *first;
}

void Loader::start() {
  started_ = true;
  thread_ = std::thread([this] { run(); });
}

void Loader::run() {
  std::unique_lock lock(inbox_->mutex);
  for (;;) {
    inbox_->changed.wait(lock, [&] {
      return inbox_->stop || inbox_->look || !inbox_->changes.empty() || !inbox_->unused.empty();
    });
    if (inbox_->stop) return;
    const auto changes = std::exchange(inbox_->changes, {});
    auto unused = std::exchange(inbox_->unused, {});
    const bool look = std::exchange(inbox_->look, false);
    lock.unlock();
    if (!unused.empty()) {
      unused.clear();
      give_back_memory();
      publish();
    }
    for (const Change& change : changes) apply(change);
    if (look) look_at_all();
    lock.lock();
  }
}

// A fault is told when it begins, not at every look.
void Loader::look_at(Entry& entry) {
  std::optional<Error> reason;
  try {
    reconcile(entry);
  } catch (...) {
    reason = error_of(std::current_exception());
  }
  if (reason && !same_fault(reason, entry.reason)) {
    if (started_ || !entry.loaded.empty())
      warn("model {}: {}; what is loaded stays", entry.spec.name, reason->what());
    log_.write("repository_failed", {{"model", entry.spec.name}, {"error", reason->what()}});
  }
  if (!reason && entry.reason) note("model {}: {} is back", entry.spec.name, entry.spec.path);
  entry.reason = std::move(reason);
}

// Loads and what goes are published as they happen, reasons once for all.
void Loader::look_at_all() {
  for (Entry& entry : entries_) {
    if (!started_) throw_if_stopped();
    look_at(entry);
  }
  publish();
}

bool Loader::may_be_loaded(const Entry& entry, const repository::FoundVersion& version) const {
  const auto failure = entry.failed.find(version.version);
  return failure == entry.failed.end() ||
         (failure->second.passing && clock_.now() >= failure->second.next_try);
}

// What the policy and people want of what is there. A version that can't be loaded doesn't count, so that the
// next best takes its place; one that is served stays a candidate though its file has become wrong.
std::vector<repository::FoundVersion> Loader::wanted(
    const Entry& entry, const std::vector<repository::FoundVersion>& found) const {
  std::vector<repository::FoundVersion> candidates = found;
  std::erase_if(candidates, [&](const repository::FoundVersion& v) {
    const bool lost = !may_be_loaded(entry, v) && !entry.loaded.contains(v.version);
    return lost || entry.refused.contains(v.version);
  });
  std::vector<repository::FoundVersion> chosen = repository::choose_versions(candidates, entry.spec.policy);
  for (const repository::FoundVersion& version : candidates) {
    const bool there = std::any_of(chosen.begin(), chosen.end(),
                                   [&](const auto& w) { return w.version == version.version; });
    if (!there && entry.asked.contains(version.version)) chosen.push_back(version);
  }
  return chosen;
}

void Loader::reconcile(Entry& entry) {
  const std::vector<repository::FoundVersion> found = repository::find_versions(entry.spec);
  if (found.empty()) {
    throw(!started_ ? data_error("there is no version in it; a version is 1/model.nn")
                    : data_error("no version is left in it"))
        .within_file(entry.spec.path);
  }
  std::erase_if(entry.failed, [&](const auto& failure) {
    const auto at =
        std::find_if(found.begin(), found.end(), [&](const auto& v) { return v.version == failure.first; });
    return at == found.end() || at->stamp != failure.second.stamp;
  });
  // Each load may fail, and then something else is wanted.
  for (bool all_tried = false; !all_tried;) {
    all_tried = true;
    for (const repository::FoundVersion& version : wanted(entry, found)) {
      const auto loaded = entry.loaded.find(version.version);
      if (loaded != entry.loaded.end() && loaded->second.stamp == version.stamp) continue;
      if (!may_be_loaded(entry, version)) continue;
      load(entry, version);
      all_tried = false;
    }
  }
  // What is served stays until something that is wanted can take its place.
  const std::vector<repository::FoundVersion> last = wanted(entry, found);
  const bool any =
      std::any_of(last.begin(), last.end(), [&](const auto& v) { return entry.loaded.contains(v.version); });
  std::vector<std::uint64_t> gone;
  for (const auto& loaded : entry.loaded) {
    const std::uint64_t version = loaded.first;
    const bool keep =
        std::any_of(last.begin(), last.end(), [&](const auto& v) { return v.version == version; });
    if (!keep && (any || entry.refused.contains(version))) gone.push_back(version);
  }
  for (const std::uint64_t version : gone) retire(entry, version);
}

void Loader::load(Entry& entry, const repository::FoundVersion& version) {
  // Before the loop runs nobody else hears of a signal.
  if (!started_) throw_if_stopped();
  entry.loading = version.version;
  publish();
  try {
    auto servable = options_.open(entry.spec.name, version);
    entry.loaded[version.version] = {version.stamp, owned(std::move(servable))};
    entry.failed.erase(version.version);
  } catch (...) {
    fail(entry, version, error_of(std::current_exception()));
  }
  entry.loading.reset();
  if (!entry.failed.contains(version.version)) {
    const std::string& digest = entry.loaded[version.version].servable->digest();
    note("model {}: version {} is loaded from {}", entry.spec.name, version.version, version.path);
    log_.write("load", {{"model", entry.spec.name},
                        {"version", version.version},
                        {"path", version.path},
                        {"digest", digest}});
    if (started_) swaps_.fetch_add(1, std::memory_order_relaxed);
  }
  publish();
}

void Loader::fail(Entry& entry, const repository::FoundVersion& version, const Error& reason) {
  const auto before = entry.failed.find(version.version);
  const bool again = before != entry.failed.end();
  const auto pause =
      again ? std::min(2 * before->second.pause, options_.longest_pause) : options_.first_pause;
  const bool news = !again || !same_fault(before->second.reason, reason);
  entry.failed.insert_or_assign(
      version.version, Failure{version.stamp, reason, may_pass(reason.kind()), pause, clock_.now() + pause});
  if (!news) return;
  const bool only = entry.loaded.empty() && !started_ && entries_.size() == 1 && !entry.spec.repository;
  if (!only) warn("model {}: version {} is not served: {}", entry.spec.name, version.version, reason.what());
  log_.write("load_failed", {{"model", entry.spec.name},
                             {"version", version.version},
                             {"path", version.path},
                             {"error", reason.what()}});
}

void Loader::retire(Entry& entry, std::uint64_t version) {
  const auto loaded = entry.loaded.find(version);
  if (loaded == entry.loaded.end()) return;
  entry.unloading[version] = loaded->second.servable;
  entry.loaded.erase(loaded);
  publish();
  note("model {}: version {} is let go", entry.spec.name, version);
  log_.write("unload", {{"model", entry.spec.name}, {"version", version}});
}

// Freeing takes a while (threads end, memory is unmapped): the last user hands it to the loader.
std::shared_ptr<Servable> Loader::owned(std::unique_ptr<Servable> servable) {
  return {servable.release(), [inbox = inbox_](Servable* last) {
            std::unique_ptr<Servable> unused(last);
            const std::lock_guard lock(inbox->mutex);
            if (inbox->stop) return;
            inbox->unused.push_back(std::move(unused));
            inbox->changed.notify_all();
          }};
}

void Loader::publish() {
  auto catalog = std::make_shared<Catalog>();
  for (Entry& entry : entries_) {
    ModelEntry& model = catalog->models[entry.spec.name];
    model.reason = entry.reason;
    std::erase_if(entry.unloading, [](const auto& one) { return one.second.expired(); });
    for (const auto& [version, servable] : entry.unloading)
      model.versions[version] = {VersionState::unloading, nullptr, {}};
    for (const auto& [version, failure] : entry.failed)
      model.versions[version] = {VersionState::end, nullptr, failure.reason};
    if (entry.loading) model.versions[*entry.loading] = {VersionState::loading, nullptr, {}};
    for (const auto& [version, loaded] : entry.loaded)
      model.versions[version] = {VersionState::available, loaded.servable, {}};
  }
  catalog_.set(std::move(catalog));
  on_change_();
}

void Loader::look() {
  const std::lock_guard lock(inbox_->mutex);
  inbox_->look = true;
  inbox_->changed.notify_all();
}

void Loader::change(std::string name, std::uint64_t version, bool load, Told told) {
  const std::lock_guard lock(inbox_->mutex);
  inbox_->changes.push_back({std::move(name), version, load, std::move(told)});
  inbox_->changed.notify_all();
}

void Loader::apply(const Change& change) {
  std::optional<Error> wrong;
  try {
    const auto entry = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const Entry& e) { return e.spec.name == change.name; });
    if (entry == entries_.end()) fail_data("no model '{}' is configured here", printable(change.name));
    change.load ? apply_load(*entry, change.version) : apply_unload(*entry, change.version);
  } catch (...) {
    wrong = error_of(std::current_exception());
  }
  change.told(std::move(wrong));
}

void Loader::apply_load(Entry& entry, std::uint64_t version) {
  bool there = false;
  for (const repository::FoundVersion& found : repository::find_versions(entry.spec)) {
    if (version != 0 && found.version != version) continue;
    there = true;
    entry.failed.erase(found.version);
    entry.refused.erase(found.version);
    if (version != 0) entry.asked.insert(version);
  }
  if (version != 0 && !there)
    fail_data("no version {} of model '{}' in its repository", version, entry.spec.name);
  reconcile(entry);
  publish();
  const auto failure = entry.failed.find(version);
  if (failure != entry.failed.end()) {
    throw Error(failure->second.reason)
        .within(fmt::format("version {} of model '{}' can't be loaded", version, entry.spec.name));
  }
}

// Also where its files are gone.
void Loader::apply_unload(Entry& entry, std::uint64_t version) {
  std::set<std::uint64_t> versions;
  for (const auto& [loaded, stamp] : entry.loaded) versions.insert(loaded);
  try {
    for (const repository::FoundVersion& found : repository::find_versions(entry.spec))
      versions.insert(found.version);
  } catch (const Error&) {
    // The loaded versions are all there are.
  }
  if (version != 0 && !versions.contains(version))
    fail_data("no version {} of model '{}' is loaded", version, entry.spec.name);
  if (version != 0) versions = {version};
  for (const std::uint64_t each : versions) {
    entry.asked.erase(each);
    entry.refused.insert(each);
    retire(entry, each);
  }
}

}  // namespace nn::serving
