// What a loader wants of a repository, and how it comes to it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "base/signals.hpp"
#include "serving/loader.hpp"
#include "serving/loader_doing.hpp"

namespace nn::serving {
namespace {

// What may be wrong beside a repository's versions.
constexpr std::string_view wanted_file = "wanted", label_file = "labels/", policy = "policy",
                           history_file = repository::history_file;

// A file that can't be opened, or memory that isn't there, may be better next time; a wrong file won't.
bool may_pass(ErrorKind kind) {
  return kind == ErrorKind::io || kind == ErrorKind::unavailable || kind == ErrorKind::internal;
}

// "1, 2, 3 and 7 more".
std::string listed(const std::vector<std::uint64_t>& versions) {
  constexpr std::size_t most = 10;
  const std::size_t shown = std::min(most, versions.size());
  std::string out = fmt::format("{}", fmt::join(versions.begin(), versions.begin() + shown, ", "));
  if (shown < versions.size()) out += fmt::format(" and {} more", versions.size() - shown);
  return out;
}

bool same_fault(const std::optional<Error>& a, const std::optional<Error>& b) {
  return a.has_value() == b.has_value() && (!a || (a->kind() == b->kind() && a->message() == b->message()));
}

}  // namespace

// Is what is wrong with it the only thing that load_all() throws?
bool Loader::is_thrown(const Entry& entry) const {
  return entry.loaded.empty() && !started_ && entries_.size() == 1 && !options_.may_serve_nothing;
}

// A fault is told when it begins, not at every look.
void Loader::look_at(Entry& entry) {
  std::optional<Error> reason;
  try {
    reconcile(entry);
  } catch (const Interrupted&) {  // the worker ends: nothing is wrong with the repository
    if (!started_) throw;
    return;
  } catch (...) {
    reason = error_of(std::current_exception());
  }
  if (reason && !same_fault(reason, entry.reason)) {
    if (!entry.loaded.empty()) {
      warn("model {}: {}; what is loaded stays", entry.spec.name, reason->what());
    } else if (!is_thrown(entry)) {
      warn("model {}: {}; it isn't served until that is mended", entry.spec.name, reason->what());
    }
    log_.write("repository_failed", {{"model", entry.spec.name}, {"error", reason->what()}});
  }
  if (!reason && entry.reason) note("model {}: {} is back", entry.spec.name, entry.spec.path);
  if (!same_fault(reason, entry.reason)) entry.news = true;
  entry.reason = std::move(reason);
  watch_absences(entry);
}

// What is loaded may be made of what others compute, who go and come back.
void Loader::watch_absences(Entry& entry) {
  for (auto& [version, loaded] : entry.loaded) {
    auto absence = loaded.servable->absence();
    if (absence.has_value() != loaded.absence.has_value()) {
      JsonFields fields = {{"model", entry.spec.name}, {"version", version}};
      if (absence) {
        fields.emplace("error", absence->what());
        warn("model {}: version {} answers nobody until this is mended: {}", entry.spec.name, version,
             absence->what());
      } else {
        warn("model {}: version {} answers again", entry.spec.name, version);
      }
      log_.write(absence ? "unreachable" : "reachable", fields);
    }
    if (!same_fault(absence, loaded.absence)) entry.news = true;
    loaded.absence = std::move(absence);
  }
}

// Loads and what goes are published as they happen, the rest once a look, where there is something new.
void Loader::look_at_all() {
  take_models();
  for (Entry& entry : entries_) {
    if (!started_) throw_if_stopped();
    look_at(entry);
    const bool gone = std::any_of(entry.unloading.begin(), entry.unloading.end(),
                                  [](const auto& one) { return one.second.expired(); });
    if (entry.news || gone) publish(entry);
  }
}

// What is wrong with labels and wishes is told once, and those that were right before stay.
void Loader::read_wishes(Entry& entry, const std::vector<repository::FoundVersion>& found) {
  if (!entry.spec.repository) return;
  std::map<std::string, Error, std::less<>> faults;
  try {
    const repository::Wants now = repository::read_wants(entry.spec.path);
    const bool news = now != entry.saved;
    if (news) entry.wants = now;  // else what is wanted here may have been impossible to save
    entry.saved = now;
    if (news) tell_if_all_are_refused(entry, found);
  } catch (const Error& error) {
    faults.emplace(std::string(wanted_file), error);
  }
  try {
    repository::Labels read = repository::read_labels(entry.spec.path);
    for (const auto& [name, error] : read.wrong) faults.emplace(std::string(label_file) + name, error);
    take_labels(entry, std::move(read));
  } catch (const Error& error) {
    faults.emplace("labels", error);
  }
  try {
    const std::set<std::uint64_t>& bad = entry.history.read(entry.spec.path);
    if (bad != entry.bad) entry.news = true;
    entry.bad = bad;
  } catch (const Error& error) {
    faults.emplace(std::string(history_file), error);
  }
  note_missing(entry, found);
  if (entry.why_missing) faults.emplace(std::string(policy), *entry.why_missing);
  if (options_.needed) entry.needed = options_.needed(entry.spec);
  tell(entry, std::move(faults));
}

void Loader::take_labels(Entry& entry, repository::Labels read) {
  std::map<std::string, Label, std::less<>> labels;
  for (const auto& [name, version] : read.versions) {
    const auto known = entry.labels.find(name);
    labels[name] = {version, known == entry.labels.end() ? 0 : known->second.served};
  }
  for (const auto& [name, label] : entry.labels) {
    if (labels.contains(name)) continue;
    if (read.wrong.erase(name) != 0) {
      labels[name] = label;
    } else {
      log_.write("unlabel", {{"model", entry.spec.name}, {"label", name}, {"version", label.served}});
      entry.news = true;
    }
  }
  entry.labels = std::move(labels);
  entry.wrong_labels = std::move(read.wrong);
}

void Loader::tell(Entry& entry, std::map<std::string, Error, std::less<>> faults) {
  if (faults.size() != entry.faults.size()) entry.news = true;
  for (const auto& [what, error] : faults) {
    const auto before = entry.faults.find(what);
    if (before != entry.faults.end() && same_fault(before->second, error)) continue;
    entry.news = true;
    warn("model {}: {}", entry.spec.name, error.what());
    JsonFields fields = {{"model", entry.spec.name}, {"error", error.what()}};
    if (what.starts_with(label_file)) fields.emplace("label", what.substr(label_file.size()));
    log_.write(what == policy         ? "version_missing"
               : what == wanted_file  ? "wanted_failed"
               : what == history_file ? "history_failed"
                                      : "label_failed",
               fields);
  }
  entry.faults = std::move(faults);
}

bool Loader::may_be_loaded(const Entry& entry, const repository::FoundVersion& version) const {
  const auto failure = entry.failed.find(version.version);
  return failure == entry.failed.end() ||
         (failure->second.passing && clock_.now() >= failure->second.next_try);
}

// What this loader was asked counts more than what the repository's people want.
bool Loader::is_refused(const Entry& entry, std::uint64_t version) {
  return entry.asked.refused.contains(version) ||
         (entry.wants.refused.contains(version) && !entry.asked.served.contains(version));
}

// Whoever starts a server of it next wouldn't know why it answers nothing.
void Loader::tell_if_all_are_refused(const Entry& entry, const std::vector<repository::FoundVersion>& found) {
  std::vector<std::uint64_t> refused;
  for (const repository::FoundVersion& version : found) {
    if (!is_refused(entry, version.version)) return;
    refused.push_back(version.version);
  }
  warn("model {}: no version is served, as {}/wanted lets go of {}; without that file they are served",
       entry.spec.name, entry.spec.path, listed(refused));
  log_.write("let_go", {{"model", entry.spec.name}, {"path", entry.spec.path + "/wanted"}});
}

// Beyond the policy, by people, a plan or a label. What a label points to serves it until its new version is
// loaded.
bool Loader::is_wished(const Entry& entry, std::uint64_t version) {
  if (entry.asked.served.contains(version) || entry.wants.served.contains(version) ||
      entry.needed.contains(version))
    return true;
  return std::any_of(entry.labels.begin(), entry.labels.end(), [&](const auto& one) {
    const Label& label = one.second;
    return label.target == version || (label.served == version && !entry.loaded.contains(label.target));
  });
}

// The newest are chosen of those that nobody found bad, unless there are only such.
std::vector<repository::FoundVersion> Loader::good_of(
    const Entry& entry, const std::vector<repository::FoundVersion>& candidates) {
  if (entry.spec.policy.kind != repository::VersionPolicy::Kind::latest || entry.bad.empty())
    return candidates;
  std::vector<repository::FoundVersion> good = candidates;
  std::erase_if(good, [&](const repository::FoundVersion& v) { return entry.bad.contains(v.version); });
  return good.empty() ? candidates : good;
}

// What the policy and people want of what is there. A version that can't be loaded doesn't count, so that the
// next best takes its place; one that is served stays a candidate though its file has become wrong.
std::vector<repository::FoundVersion> Loader::wanted(
    const Entry& entry, const std::vector<repository::FoundVersion>& found) const {
  std::vector<repository::FoundVersion> candidates = found;
  std::erase_if(candidates, [&](const repository::FoundVersion& v) {
    const bool lost = (v.odd || !may_be_loaded(entry, v)) && !entry.loaded.contains(v.version);
    return lost || is_refused(entry, v.version);
  });
  std::vector<repository::FoundVersion> chosen =
      repository::choose_versions(good_of(entry, candidates), entry.spec.policy);
  for (const repository::FoundVersion& version : candidates) {
    const bool there = std::any_of(chosen.begin(), chosen.end(),
                                   [&](const auto& w) { return w.version == version.version; });
    if (!there && is_wished(entry, version.version)) chosen.push_back(version);
  }
  return chosen;
}

// Nobody can serve them, and whoever asked for them should hear of it, also where others are served.
void Loader::note_missing(Entry& entry, const std::vector<repository::FoundVersion>& found) {
  std::vector<std::uint64_t> there;
  for (const repository::FoundVersion& version : found) there.push_back(version.version);
  std::vector<std::uint64_t> missing;
  if (entry.spec.policy.kind == repository::VersionPolicy::Kind::specific) {
    for (const std::uint64_t version : entry.spec.policy.versions) {
      if (!std::binary_search(there.begin(), there.end(), version)) missing.push_back(version);
    }
  }
  entry.missing = {missing.begin(), missing.end()};
  entry.why_missing.reset();
  if (missing.empty()) return;
  const bool one = missing.size() == 1;
  entry.why_missing =
      data_error("{} {} {} wanted; there {} {}", one ? "version" : "versions", listed(missing),
                 one ? "is" : "are", there.size() == 1 ? "is" : "are", listed(there));
}

// People let go of these, which is a reason that others can be told.
void Loader::note_refused(Entry& entry, const std::vector<repository::FoundVersion>& found) {
  std::set<std::uint64_t> refused;
  for (const repository::FoundVersion& version : found) {
    if (is_refused(entry, version.version)) refused.insert(version.version);
  }
  if (refused != entry.refused) entry.news = true;
  entry.refused = std::move(refused);
}

void Loader::reconcile(Entry& entry) {
  const repository::Contents contents = repository::look_into(entry.spec);
  const std::vector<repository::FoundVersion> found = contents.all();
  note_left_out(entry, contents.left_out);
  if (found.empty()) {
    throw(entry.loaded.empty() ? data_error("there is no version in it; a version is 1/model.nn")
                               : data_error("no version is left in it"))
        .within_file(entry.spec.path);
  }
  read_wishes(entry, found);
  note_refused(entry, found);
  const auto forgotten = std::erase_if(entry.failed, [&](const auto& failure) {
    const auto at =
        std::find_if(found.begin(), found.end(), [&](const auto& v) { return v.version == failure.first; });
    return at == found.end() || at->stamp != failure.second.stamp;
  });
  if (forgotten > 0) entry.news = true;
  note_odd(entry, contents);
  std::erase_if(entry.measured, [&](const auto& one) {
    return std::none_of(found.begin(), found.end(), [&](const auto& v) { return v.version == one.first; });
  });
  if (is_idle(entry)) entry.asleep = true;
  if (entry.asleep) return fall_asleep(entry, found);
  // Each load may fail, and then something else is wanted.
  for (bool all_tried = false; !all_tried;) {
    all_tried = true;
    for (const repository::FoundVersion& version : wanted(entry, found)) {
      const auto loaded = entry.loaded.find(version.version);
      if (loaded != entry.loaded.end() && loaded->second.stamp == version.stamp) continue;
      if (version.odd || !may_be_loaded(entry, version)) continue;
      all_tried = false;
      const auto full = load_if_there_is_room(entry, version);
      if (!full) continue;
      if (entry.loaded.empty() && may_pass(full->kind())) {
        entry.asleep = true;
        entry.no_room = full;
        return fall_asleep(entry, found);
      }
      fail(entry, version, *full);
    }
  }
  // What is served stays until something that is wanted can take its place.
  const std::vector<repository::FoundVersion> last = wanted(entry, found);
  move_labels(entry, last);
  const bool any =
      std::any_of(last.begin(), last.end(), [&](const auto& v) { return entry.loaded.contains(v.version); });
  note_gone(entry, found, last);
  std::vector<std::uint64_t> gone;
  for (const auto& loaded : entry.loaded) {
    const std::uint64_t version = loaded.first;
    const bool keep =
        std::any_of(last.begin(), last.end(), [&](const auto& v) { return v.version == version; });
    if (!keep && (any || is_refused(entry, version))) gone.push_back(version);
  }
  for (const std::uint64_t version : gone) retire(entry, version, why_let_go(entry, version, found, last));
}

bool Loader::is_idle(const Entry& entry) const {
  if (options_.idle_unload.count() == 0 || entry.loaded.empty()) return false;
  const auto now = clock_.now();
  return std::all_of(entry.loaded.begin(), entry.loaded.end(), [&](const auto& one) {
    const Loaded& loaded = one.second;
    return now - std::max(loaded.since, loaded.servable->last_used()) >= options_.idle_unload;
  });
}

// What is wanted waits until somebody asks for it.
void Loader::fall_asleep(Entry& entry, const std::vector<repository::FoundVersion>& found) {
  std::set<std::uint64_t> sleeping;
  const std::vector<repository::FoundVersion> chosen = wanted(entry, found);
  for (const repository::FoundVersion& version : chosen) sleeping.insert(version.version);
  if (sleeping != entry.sleeping) entry.news = true;
  entry.sleeping = std::move(sleeping);
  move_labels(entry, chosen);
  std::vector<std::uint64_t> loaded;
  for (const auto& one : entry.loaded) loaded.push_back(one.first);
  if (!loaded.empty()) log_.write("idle", {{"model", entry.spec.name}});
  const std::string why = is_idle(entry) ? "nobody has used it" : "others need the room";
  for (const std::uint64_t version : loaded) retire(entry, version, why);
}

// A label moves when its version is loaded, or what it pointed to goes.
void Loader::move_labels(Entry& entry, const std::vector<repository::FoundVersion>& chosen) {
  for (auto& [name, label] : entry.labels) {
    if (label.served == label.target) continue;
    const std::uint64_t before = label.served;
    const bool stays =
        entry.loaded.contains(before) && !entry.loaded.contains(label.target) &&
        std::any_of(chosen.begin(), chosen.end(), [&](const auto& v) { return v.version == before; });
    if (stays) continue;
    label.served = label.target;
    entry.news = true;
    JsonFields fields = {{"model", entry.spec.name}, {"label", name}, {"version", label.target}};
    if (before != 0) fields.emplace("before", before);
    log_.write("label", fields);
    note("model {}: label {} points to version {}", entry.spec.name, name, label.target);
  }
}

void Loader::load(Entry& entry, const repository::FoundVersion& version) {
  // Before the loop runs nobody else hears of a signal.
  if (!started_) throw_if_stopped();
  const Doing doing(*this, fmt::format("loads version {} of model {}", version.version, entry.spec.name));
  entry.loading = version.version;
  publish(entry);
  const auto known = entry.loaded.find(version.version);
  const std::string before = known == entry.loaded.end() ? "" : known->second.servable->digest();
  try {
    auto servable = options_.open(entry.spec.name, version);
    entry.loaded[version.version] = {version.stamp, owned(std::move(servable)), clock_.now()};
    entry.failed.erase(version.version);
  } catch (const Interrupted&) {
    entry.loading.reset();
    publish(entry);
    throw;
  } catch (...) {
    fail(entry, version, error_of(std::current_exception()));
  }
  entry.loading.reset();
  if (!entry.failed.contains(version.version)) {
    const std::string& digest = entry.loaded[version.version].servable->digest();
    note("model {}: version {} is loaded from {}", entry.spec.name, version.version, version.path);
    JsonFields fields = {
        {"model", entry.spec.name}, {"version", version.version}, {"path", version.path}, {"digest", digest}};
    if (!before.empty() && before != digest) {
      fields.emplace("before", before);
      if (entry.spec.repository) {
        warn(
            "model {}: version {} is another model from here on: {} was replaced, whose digest was {} and is "
            "{}",
            entry.spec.name, version.version, version.path, before, digest);
      }
    }
    log_.write("load", fields);
    warn_if_slow(entry, version.version);
    if (started_) swaps_.fetch_add(1, std::memory_order_relaxed);
  }
  publish(entry);
}

// What nobody can keep is better known before the first client waits: once for each model.
void Loader::warn_if_slow(Entry& entry, std::uint64_t version) {
  const LoadReport report = entry.loaded.at(version).servable->report();
  if (report.slo.count() == 0 || entry.warned_slow) return;
  for (const DeviceLoad& device : report.devices) {
    if (device.curve.empty() || device.curve.front().rows != 1) continue;
    const double row = device.curve.front().seconds, slo = std::chrono::duration<double>(report.slo).count();
    if (row <= slo) continue;
    warn(
        "model {}: an answer should take {:.3g} ms, and a single row takes {:.3g} ms on {}, as measured when "
        "version {} was loaded; no request is answered in time",
        entry.spec.name, slo * 1e3, row * 1e3, device.device, version);
    entry.warned_slow = true;
    return;
  }
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
  if (entry.loaded.contains(version.version)) {
    warn("model {}: version {} is served as it was: {}", entry.spec.name, version.version, reason.what());
  } else if (entry.spec.repository || !is_thrown(entry)) {
    warn("model {}: version {} is not served: {}", entry.spec.name, version.version, reason.what());
  }
  log_.write("load_failed", {{"model", entry.spec.name},
                             {"version", version.version},
                             {"path", version.path},
                             {"error", reason.what()}});
}

void Loader::retire(Entry& entry, std::uint64_t version, const std::string& reason) {
  const auto loaded = entry.loaded.find(version);
  if (loaded == entry.loaded.end()) return;
  entry.unloading[version] = loaded->second.servable;
  entry.loaded.erase(loaded);
  publish(entry);
  note("model {}: version {} is let go: {}", entry.spec.name, version, reason);
  log_.write("unload", {{"model", entry.spec.name}, {"version", version}, {"reason", reason}});
}

}  // namespace nn::serving
