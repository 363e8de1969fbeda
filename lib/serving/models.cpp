#include "serving/models.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#ifdef __GLIBC__
  #include <malloc.h>
#endif

#include <algorithm>
#include <chrono>

#include "base/log.hpp"
#include "base/text.hpp"

namespace nn::serving {
namespace {

// Freed memory goes back to the system, and does not wait in this process for another use.
void give_back_memory() {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace

// Requests to the loading thread.
struct ModelStore::Inbox {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Change> changes;
  std::vector<std::unique_ptr<ServedModel>> dead;  // to be freed
  bool reload = false, stop = false;
};

ModelStore::ModelStore(ModelOptions options, EventLog& log, std::function<void(Task)> post)
    : options_(std::move(options)), log_(log), post_(std::move(post)), inbox_(std::make_shared<Inbox>()) {
  for (const repository::ModelSpec& spec : options_.models) {
    for (const Entry& entry : entries_) {
      if (entry.spec.name == spec.name) fail_usage("two models are called '{}'; write NAME=PATH", spec.name);
    }
    entries_.push_back({spec, {}, {}, {}, {}, {}});
  }
}

ModelStore::~ModelStore() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(inbox_->mutex);
    inbox_->stop = true;
    inbox_->changed.notify_all();
  }
  thread_.join();
}

void ModelStore::load_all() {
  for (Entry& entry : entries_) update(entry, true);
}

void ModelStore::start() {
  serving_ = true;
  thread_ = std::thread([this] { run(); });
}

void ModelStore::run() {
  const auto poll = std::chrono::duration<double>(options_.poll_s > 0 ? options_.poll_s : 3600.0);
  std::unique_lock lock(inbox_->mutex);
  for (;;) {
    inbox_->changed.wait_until(
        lock, std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::nanoseconds>(poll),
        [&] { return inbox_->stop || inbox_->reload || !inbox_->changes.empty() || !inbox_->dead.empty(); });
    if (inbox_->stop) return;
    const auto changes = std::exchange(inbox_->changes, {});
    auto dead = std::exchange(inbox_->dead, {});
    inbox_->reload = false;
    lock.unlock();
    if (!dead.empty()) {
      dead.clear();
      give_back_memory();
    }
    for (const Change& change : changes) apply(change);
    for (Entry& entry : entries_) look_at(entry);
    lock.lock();
  }
}

// A fault is reported when it begins, not at every look.
void ModelStore::look_at(Entry& entry) {
  std::string last_error;
  try {
    update(entry, false);
  } catch (const Error& error) {
    last_error = error.what();
  }
  if (!last_error.empty() && last_error != entry.last_error) {
    warn("model {}: {}; what is loaded stays", entry.spec.name, last_error);
    log_.write("repository_failed", {{"model", entry.spec.name}, {"error", last_error}});
  }
  if (last_error.empty() && !entry.last_error.empty())
    note("model {}: {} is back", entry.spec.name, entry.spec.path);
  entry.last_error = std::move(last_error);
}

// Brings what is loaded to what is wanted: the new first, so that there is always one to answer.
// `strict` throws what is wrong with a version, else it is said once and passed over.
void ModelStore::update(Entry& entry, bool strict) {
  const std::vector<repository::FoundVersion> found = repository::find_versions(entry.spec);
  if (found.empty() && !strict) throw data_error("no version is left in it").within_file(entry.spec.path);
  std::vector<repository::FoundVersion> wanted = repository::choose_versions(found, entry.spec.policy);
  for (const repository::FoundVersion& version : found) {
    const bool there = std::any_of(wanted.begin(), wanted.end(),
                                   [&](const auto& w) { return w.version == version.version; });
    if (!there && entry.asked.contains(version.version)) wanted.push_back(version);
  }
  std::erase_if(wanted, [&](const repository::FoundVersion& v) { return entry.refused.contains(v.version); });
  if (strict && wanted.empty()) {
    throw data_error("no version in it that is wanted; a version is {}/1/model.nn", entry.spec.path)
        .within_file(entry.spec.path);
  }
  bool all_there = true;
  for (const repository::FoundVersion& version : wanted) {
    const auto loaded = entry.loaded.find(version.version);
    if (loaded != entry.loaded.end() && loaded->second == version.stamp) continue;
    const auto broken = entry.broken.find(version.version);
    if (broken != entry.broken.end() && broken->second == version.stamp) {
      all_there = false;
      continue;
    }
    try {
      load_one(entry, version);
    } catch (const Error& error) {
      if (strict) throw;
      all_there = false;
      entry.broken[version.version] = version.stamp;
      warn("model {}: version {} is not served: {}", entry.spec.name, version.version, error.what());
      log_.write("load_failed", {{"model", entry.spec.name},
                                 {"version", version.version},
                                 {"path", version.path},
                                 {"error", error.what()}});
    }
  }
  // An old version stays while the one that should replace it is broken.
  for (auto at = entry.loaded.begin(); at != entry.loaded.end();) {
    const bool keep =
        std::any_of(wanted.begin(), wanted.end(), [&](const auto& w) { return w.version == at->first; });
    if (keep || (!all_there && !entry.refused.contains(at->first))) {
      ++at;
      continue;
    }
    retire(entry, (at++)->first);
  }
}

void ModelStore::retire(Entry& entry, std::uint64_t version) {
  if (entry.loaded.erase(version) == 0) return;
  post_([this, name = entry.spec.name, version] { remove(name, version); });
  note("model {}: version {} is let go", entry.spec.name, version);
  log_.write("unload", {{"model", entry.spec.name}, {"version", version}});
}

void ModelStore::load_one(Entry& entry, const repository::FoundVersion& version) {
  const auto model = open(entry.spec.name, version);
  model->predictor.warm_up(options_.warm_rows);
  entry.loaded[version.version] = version.stamp;
  entry.broken.erase(version.version);
  note("model {}: version {} is loaded from {}", entry.spec.name, version.version, version.path);
  log_.write("load", {{"model", entry.spec.name},
                      {"version", version.version},
                      {"path", version.path},
                      {"digest", model->predictor.digest()}});
  if (serving_) {
    post_([this, model] { install(model); });
  } else {
    install(model);
  }
}

std::shared_ptr<ServedModel> ModelStore::open(const std::string& name,
                                              const repository::FoundVersion& version) {
  auto model =
      std::make_unique<ServedModel>(name, version.version, version.path, options_.device, options_.precision);
  // Freeing takes a while (threads end, memory is unmapped): not in the serving thread.
  return {model.release(), [inbox = inbox_](ServedModel* last) {
            std::unique_ptr<ServedModel> owned(last);
            const std::lock_guard lock(inbox->mutex);
            if (inbox->stop) return;
            inbox->dead.push_back(std::move(owned));
            inbox->changed.notify_all();
          }};
}

void ModelStore::install(const std::shared_ptr<ServedModel>& model) {
  auto& slot = served_[model->name][model->version];
  slot = model;
  if (serving_) ++swaps_;
}

void ModelStore::remove(const std::string& name, std::uint64_t version) {
  const auto model = served_.find(name);
  if (model == served_.end()) return;
  model->second.erase(version);
}

std::shared_ptr<ServedModel> ModelStore::find(std::string_view name, std::uint64_t version) const {
  auto model = served_.find(name);
  if (name.empty()) {
    const auto there = [](const auto& m) { return !m.second.empty(); };
    model = std::find_if(served_.begin(), served_.end(), there);
    if (model != served_.end() && std::count_if(model, served_.end(), there) > 1) return nullptr;
  }
  if (model == served_.end() || model->second.empty()) return nullptr;
  if (version == 0) return model->second.rbegin()->second;
  const auto at = model->second.find(version);
  return at == model->second.end() ? nullptr : at->second;
}

Error ModelStore::reason_for_absence(std::string_view name, std::uint64_t version) const {
  std::vector<std::string> names;
  for (const auto& [known, versions] : served_) {
    if (!versions.empty()) names.push_back(known);
  }
  auto model = served_.find(name);
  if (name.empty() && names.size() == 1) model = served_.find(names[0]);
  if (model != served_.end() && model->second.empty()) {
    return data_error("no version of model '{}' is loaded", printable(name));
  }
  if (names.empty()) return data_error("no model is loaded");
  if (model == served_.end()) {
    const std::string there = fmt::format("{}", fmt::join(names, ", "));
    return name.empty() ? data_error("there are several models").advise(", name one with -m: {}", there)
                        : data_error("no model '{}'; there are: {}", printable(name), there);
  }
  std::vector<std::uint64_t> versions;
  for (const auto& [number, served] : model->second) versions.push_back(number);
  return data_error("no version {} of model '{}'; there are: {}", version, model->first,
                    fmt::join(versions, ", "));
}

std::vector<ModelStore::Listed> ModelStore::list() const {
  std::vector<Listed> out;
  for (const auto& [name, versions] : served_) {
    out.push_back({name, {}});
    for (const auto& [number, model] : versions) out.back().versions.push_back(model);
  }
  return out;
}

void ModelStore::reload() {
  const std::lock_guard lock(inbox_->mutex);
  inbox_->reload = true;
  inbox_->changed.notify_all();
}

void ModelStore::change(std::string name, std::uint64_t version, bool load,
                        std::function<void(std::optional<Error>)> done) {
  const std::lock_guard lock(inbox_->mutex);
  inbox_->changes.push_back({std::move(name), version, load, std::move(done)});
  inbox_->changed.notify_all();
}

void ModelStore::apply(const Change& change) {
  std::optional<Error> wrong;
  try {
    const auto entry = std::find_if(entries_.begin(), entries_.end(),
                                    [&](const Entry& e) { return e.spec.name == change.name; });
    if (entry == entries_.end()) fail_data("no model '{}' is configured here", printable(change.name));
    change.load ? load(*entry, change.version) : unload(*entry, change.version);
  } catch (const Error& error) {
    wrong = error;
  }
  post_([done = change.done, wrong] { done(wrong); });
}

void ModelStore::load(Entry& entry, std::uint64_t version) {
  bool there = false;
  for (const repository::FoundVersion& found : repository::find_versions(entry.spec)) {
    if (version != 0 && found.version != version) continue;
    there = true;
    entry.broken.erase(found.version);
    entry.refused.erase(found.version);
    if (version != 0) entry.asked.insert(version);
  }
  if (version != 0 && !there) {
    fail_data("no version {} of model '{}' in its repository", version, entry.spec.name);
  }
  update(entry, false);
  if (version != 0 && !entry.loaded.contains(version)) {
    fail_data("version {} of model '{}' can't be loaded; the worker's log says why", version,
              entry.spec.name);
  }
}

// Also where its files are gone.
void ModelStore::unload(Entry& entry, std::uint64_t version) {
  std::set<std::uint64_t> versions;
  for (const auto& [loaded, stamp] : entry.loaded) versions.insert(loaded);
  try {
    for (const repository::FoundVersion& found : repository::find_versions(entry.spec))
      versions.insert(found.version);
  } catch (const Error&) {
    // The loaded versions are all there are.
  }
  if (version != 0 && !versions.contains(version)) {
    fail_data("no version {} of model '{}' is loaded", version, entry.spec.name);
  }
  if (version != 0) versions = {version};
  for (const std::uint64_t each : versions) {
    entry.asked.erase(each);
    entry.refused.insert(each);
    retire(entry, each);
  }
}

}  // namespace nn::serving
