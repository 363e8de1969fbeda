#include "serving/loader.hpp"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <ctime>
#include <utility>

#include "base/log.hpp"
#include "base/memory.hpp"
#include "base/signals.hpp"
#include "base/text.hpp"
#include "repository/expand.hpp"
#include "serving/loader_doing.hpp"
#include "serving/loader_inbox.hpp"

namespace nn::serving {

Loader::Loader(LoaderOptions options, EventLog& log, CatalogHolder& catalog, std::function<void()> on_change,
               const Clock& clock)
    : options_(std::move(options)),
      log_(log),
      catalog_(catalog),
      on_change_(std::move(on_change)),
      clock_(clock),
      inbox_(std::make_shared<Inbox>()) {
  given_.resize(options_.models.size());
  left_out_.resize(options_.models.size());
  for (std::size_t i = 0; i < given_.size(); ++i) {
    for (const repository::ModelSpec& spec : expand(i)) {
      if (numbers_.contains(spec.name)) fail_usage("two models are called '{}'; write NAME=PATH", spec.name);
      add_entry(spec);
      given_[i].push_back(spec.name);
    }
  }
  std::map<std::string, ModelEntry, std::less<>> models;
  for (const Entry& entry : entries_) models[entry.spec.name].required = entry.required;
  models_ = SnapshotMap<ModelEntry>(std::move(models));
}

Loader::~Loader() {
  {
    const std::lock_guard lock(inbox_->mutex);
    inbox_->stop = true;
    inbox_->changed.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  // What versions compute with may end before whoever holds the catalog does.
  catalog_.set(std::make_shared<const Catalog>());
}

void Loader::load_all() {
  publish();
  look_at_all();
  throw_if_stopped();
  const auto reason = why_nothing_is_served();
  if (reason && !options_.may_serve_nothing) throw Error(*reason);
}

// The first model's reason, unless another one is served, or people want just that.
std::optional<Error> Loader::why_nothing_is_served() const {
  std::optional<Error> first;
  bool refused = false;
  for (const Entry& entry : entries_) {
    if (!entry.loaded.empty() || !entry.sleeping.empty()) return std::nullopt;
    std::optional<Error> reason = entry.reason;
    if (!entry.failed.empty()) {
      reason = entry.failed.rbegin()->second.reason;
    } else if (!reason && !entry.wants.refused.empty()) {
      refused = true;
    } else if (!reason) {
      reason = entry.why_missing ? entry.why_missing->within_file(entry.spec.path)
                                 : data_error("no version in it that is wanted; a version is {}/1/model.nn",
                                              entry.spec.path)
                                       .within_file(entry.spec.path);
    }
    if (!first) first = std::move(reason);
  }
  return refused ? std::nullopt : first;
}

void Loader::start() {
  started_ = true;
  thread_ = std::thread([this] { run(); });
}

void Loader::run() {
  if (options_.begin) options_.begin();
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
    {
      const Doing doing(*this, "looks at repositories");
      if (!unused.empty()) free_unused(std::move(unused));
      for (const Change& change : changes) apply(change);
      if (look) look_at_all();
    }
    lock.lock();
  }
}

namespace {

std::chrono::nanoseconds time_computed_by(std::thread& thread) {
  clockid_t clock{};
  timespec time{};
  if (::pthread_getcpuclockid(thread.native_handle(), &clock) != 0 || ::clock_gettime(clock, &time) != 0)
    return std::chrono::nanoseconds(0);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

std::optional<std::string> Loader::stuck(Clock::time_point now, Clock::duration longest) {
  constexpr std::chrono::milliseconds movement{
      1};  // whoever waits for a lock or a dead disk computes nothing
  const std::lock_guard lock(activity_.mutex);
  if (activity_.what.empty()) return std::nullopt;
  const auto computed = time_computed_by(thread_);
  if (activity_.computed.count() < 0 || computed - activity_.computed >= movement) {
    activity_.computed = computed;
    activity_.moved = now;
  }
  if (now - activity_.moved < longest) return std::nullopt;
  return fmt::format("the thread that loads models has done nothing for more than {:.0f} s: it {}",
                     std::chrono::duration<double>(longest).count(), activity_.what);
}

void Loader::free_unused(std::vector<std::unique_ptr<Servable>> unused) {
  std::set<std::string> names;
  for (const auto& servable : unused) names.insert(servable->name());
  unused.clear();
  give_back_memory();  // the next version may need it, perhaps in another process
  for (const std::string& name : names) {
    const auto number = numbers_.find(name);
    if (number != numbers_.end()) publish(entries_[number->second]);
  }
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

ModelEntry Loader::picture_of(Entry& entry) {
  ModelEntry model;
  model.reason = entry.reason;
  model.required = entry.required;
  if (entry.spec.repository) model.base = entry.spec.path;
  std::erase_if(entry.unloading, [](const auto& one) { return one.second.expired(); });
  for (const std::uint64_t version : entry.missing)
    model.versions[version] = {VersionState::end, nullptr, entry.why_missing};
  for (const std::uint64_t version : entry.refused)
    model.versions[version] = {VersionState::end, nullptr,
                               data_error("it was let go on request{}",
                                          entry.asked.refused.contains(version) || !entry.spec.repository
                                              ? ""
                                              : ", as the file wanted of its repository says")};
  // Once people have let go of the others, it is as if they had of this one.
  if (entry.refused.empty()) {
    for (const auto& [version, reason] : entry.gone)
      model.versions[version] = {VersionState::end, nullptr, reason};
  }
  for (const auto& [version, servable] : entry.unloading)
    model.versions[version] = {VersionState::unloading, nullptr, {}};
  for (const auto& [version, failure] : entry.failed)
    model.versions[version] = {VersionState::end, nullptr, failure.reason};
  for (const std::uint64_t version : entry.sleeping)
    model.versions[version] = {VersionState::start, nullptr, entry.no_room, false, true};
  if (entry.loading)
    model.versions[*entry.loading] = {VersionState::loading, nullptr, {}, false, entry.waking};
  for (const auto& [version, loaded] : entry.loaded) {
    VersionEntry& shown = model.versions[version];
    if (loaded.absence) {
      shown = {VersionState::end, nullptr, loaded.absence};
    } else {
      shown = {VersionState::available, loaded.servable, {}};
    }
  }
  for (const std::uint64_t version : entry.bad) {
    const auto known = model.versions.find(version);
    if (known != model.versions.end()) known->second.bad = true;
  }
  for (const std::uint64_t version : entry.refused) {
    model.versions[version].refused = true;
    model.versions[version].asked = entry.asked.refused.contains(version);
  }
  for (const auto& [name, label] : entry.labels)
    model.labels[name] = label.served != 0 ? label.served : label.target;
  model.wrong_labels = entry.wrong_labels;
  return model;
}

void Loader::publish(Entry& entry) {
  models_ = models_.with(entry.spec.name, picture_of(entry));
  entry.news = false;
  publish();
}

void Loader::publish() {
  catalog_.set(std::make_shared<const Catalog>(Catalog{models_}));
  on_change_();
}

void Loader::look() {
  const std::lock_guard lock(inbox_->mutex);
  inbox_->look = true;
  inbox_->changed.notify_all();
}

void Loader::change(std::string name, std::uint64_t version, bool load, Told told) {
  const std::lock_guard lock(inbox_->mutex);
  const auto kind = load ? Change::Kind::load : Change::Kind::unload;
  inbox_->changes.push_back({std::move(name), version, kind, std::move(told)});
  inbox_->changed.notify_all();
}

void Loader::wake(std::string name, Told told) {
  const std::lock_guard lock(inbox_->mutex);
  inbox_->changes.push_back({std::move(name), 0, Change::Kind::wake, std::move(told)});
  inbox_->changed.notify_all();
}

void Loader::apply(const Change& change) {
  std::optional<Error> wrong;
  try {
    const auto number = numbers_.find(change.name);
    if (number == numbers_.end()) fail_data("no model '{}' is configured here", printable(change.name));
    Entry& entry = entries_[number->second];
    switch (change.kind) {
      case Change::Kind::load: apply_load(entry, change.version); break;
      case Change::Kind::unload: apply_unload(entry, change.version); break;
      case Change::Kind::wake: apply_wake(entry); break;
    }
  } catch (const Interrupted&) {
    wrong = Error(ErrorKind::unavailable, "the process ends");
  } catch (...) {
    wrong = error_of(std::current_exception());
  }
  change.told(std::move(wrong));
}

// Keeps it where other workers and the next one see it, and else here. An empty `change`: nothing is wanted.
void Loader::want(Entry& entry, const std::function<void(repository::Wants&)>& change) {
  const auto change_here = [&](repository::Wants& wants) { change ? change(wants) : void(wants = {}); };
  if (!entry.spec.repository || !options_.keep_requests) {
    if (!change && entry.spec.repository) {  // it counts more than the file, until that says something else
      try {
        entry.saved = entry.wants = repository::read_wants(entry.spec.path);
      } catch (const Error&) {
        // The next look tells it.
      }
      entry.wants.refused.clear();
    }
    return change_here(entry.asked);
  }
  try {
    if (change) {
      entry.wants = repository::change_wants(entry.spec.path, [&](repository::Wants& wants) {
        if (wants == entry.saved) wants = entry.wants;  // with what could not be saved before
        change(wants);
      });
    } else {
      repository::clear_wants(entry.spec.path);
      entry.wants = {};
    }
    entry.saved = entry.wants;
    entry.warned_unsaved = false;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::io) throw;
    if (!std::exchange(entry.warned_unsaved, true))
      warn("model {}: {}; what is asked for lasts until this process ends", entry.spec.name, error.what());
    change_here(entry.wants);
  }
}

void Loader::apply_load(Entry& entry, std::uint64_t version) {
  bool there = false;
  for (const repository::FoundVersion& found : repository::look_into(entry.spec).all()) {
    if (version != 0 && found.version != version) continue;
    there = true;
    entry.failed.erase(found.version);
  }
  if (version != 0 && !there)
    fail_data("no version {} of model '{}' in its repository", version, entry.spec.name);
  if (version != 0) {
    want(entry, [&](repository::Wants& wants) { wants.serve(version); });
  } else {
    want(entry, nullptr);
  }
  wake(entry, [&] { reconcile(entry); });
  if (entry.no_room) throw Error(*entry.no_room);
  const auto failure = entry.failed.find(version);
  if (failure != entry.failed.end()) {
    throw Error(failure->second.reason)
        .within(fmt::format("version {} of model '{}' can't be loaded", version, entry.spec.name));
  }
}

// Requests wait meanwhile. It may fall asleep again, where there is no room for it.
void Loader::wake(Entry& entry, const std::function<void()>& load) {
  entry.asleep = false;
  entry.no_room.reset();
  entry.waking = true;
  const auto awake = [&] {
    entry.waking = false;
    if (!entry.asleep) entry.sleeping.clear();
    publish(entry);
  };
  try {
    load();
  } catch (...) {
    awake();
    throw;
  }
  awake();
}

void Loader::apply_wake(Entry& entry) {
  if (entry.asleep) wake(entry, [&] { look_at(entry); });
  if (!entry.loaded.empty()) return;
  if (entry.no_room) throw Error(*entry.no_room);
  if (!entry.failed.empty()) throw Error(entry.failed.rbegin()->second.reason);
  if (entry.reason) throw Error(*entry.reason);
  fail_data("no version of model '{}' is wanted", entry.spec.name);
}

// Also where its files are gone.
void Loader::apply_unload(Entry& entry, std::uint64_t version) {
  std::set<std::uint64_t> versions;
  for (const auto& [loaded, stamp] : entry.loaded) versions.insert(loaded);
  std::vector<repository::FoundVersion> found;
  try {
    found = repository::find_versions(entry.spec);
  } catch (const Error&) {
    // The loaded versions are all there are.
  }
  for (const repository::FoundVersion& one : found) versions.insert(one.version);
  if (version != 0 && !versions.contains(version))
    fail_data("no version {} of model '{}' is loaded", version, entry.spec.name);
  if (version != 0) versions = {version};
  want(entry, [&](repository::Wants& wants) {
    for (const std::uint64_t each : versions) wants.refuse(each);
  });
  note_refused(entry, found);
  for (const std::uint64_t each : versions) retire(entry, each, std::string(on_request));
  publish(entry);
}

}  // namespace nn::serving
