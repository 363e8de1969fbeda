// Room for what is to be loaded, where there is a limit.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "base/memory.hpp"
#include "base/signals.hpp"
#include "serving/loader.hpp"
#include "serving/loader_inbox.hpp"

namespace nn::serving {
namespace {

constexpr std::chrono::seconds patience{1};  // with models that are in use
// That threads get to let go of what is served no more; nothing of it is in use.
constexpr std::chrono::seconds longest_freeing{5};
constexpr std::chrono::milliseconds a_moment{5};
// That those who have waited for a model get to use it, before it may be let go for others.
constexpr std::chrono::milliseconds first_use{100};

std::string bytes_text(std::uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (bytes < 10'000) return fmt::format("{} bytes", bytes);
  if (bytes < 1'000'000) return fmt::format("{:.1f} kB", value / 1e3);
  return bytes < 1'000'000'000 ? fmt::format("{:.1f} MB", value / 1e6)
                               : fmt::format("{:.2f} GB", value / 1e9);
}

}  // namespace

// A file says about what its model will take, unless it was loaded before.
std::uint64_t Loader::bytes_of(const Entry& entry, const repository::FoundVersion& version) {
  const auto known = entry.measured.find(version.version);
  const bool same = known != entry.measured.end() && known->second.first == version.stamp;
  return same ? known->second.second : version.stamp.size;
}

std::uint64_t Loader::bytes_loaded() const {
  std::uint64_t sum = 0;
  for (const Entry& entry : entries_) {
    for (const auto& [version, loaded] : entry.loaded) sum += loaded.servable->bytes();
  }
  return sum;
}

// With those that were let go and are freed soon.
std::uint64_t Loader::bytes_held() const {
  std::uint64_t sum = bytes_loaded();
  for (const Entry& entry : entries_) {
    for (const auto& [version, leaving] : entry.unloading) {
      if (const auto servable = leaving.lock()) sum += servable->bytes();
    }
  }
  return sum;
}

Clock::time_point Loader::last_use_of(const Entry& entry) {
  Clock::time_point last{};
  for (const auto& [version, loaded] : entry.loaded)
    last = std::max({last, loaded.since, loaded.servable->last_used()});
  return last;
}

bool Loader::is_in_use(const Entry& entry) const {
  return std::any_of(entry.loaded.begin(), entry.loaded.end(), [&](const auto& one) {
    const Loaded& loaded = one.second;
    const bool fresh =
        loaded.servable->last_used() <= loaded.since && clock_.now() - loaded.since < first_use;
    return fresh || (options_.in_use && options_.in_use(entry.spec.name, one.first));
  });
}

// Models that can go and come back when somebody asks, the one that was used longest ago first.
std::vector<Loader::Entry*> Loader::idle_beside(const Entry& entry) {
  std::vector<Entry*> idle;
  for (Entry& other : entries_) {
    if (&other != &entry && !other.loaded.empty() && !other.reason && !is_in_use(other))
      idle.push_back(&other);
  }
  std::stable_sort(idle.begin(), idle.end(),
                   [](const Entry* a, const Entry* b) { return last_use_of(*a) < last_use_of(*b); });
  return idle;
}

// Lets nobody go where that wouldn't be enough.
bool Loader::displace(const Entry& entry, std::uint64_t wanted) {
  std::vector<Entry*> leaving;
  std::uint64_t freed = 0;
  for (Entry* other : idle_beside(entry)) {
    if (freed >= wanted) break;
    for (const auto& [version, loaded] : other->loaded) freed += loaded.servable->bytes();
    leaving.push_back(other);
  }
  if (freed < wanted) return false;
  const std::uint64_t before = bytes_loaded();
  for (Entry* other : leaving) {
    other->asleep = true;
    look_at(*other);
    if (!other->loaded.empty()) {
      other->asleep = false;  // its repository is gone: it couldn't come back
      continue;
    }
    note("model {}: it was let go, and makes room for model {}", other->spec.name, entry.spec.name);
    log_.write("displaced", {{"model", other->spec.name}, {"by", entry.spec.name}});
    if (options_.displaced) options_.displaced(other->spec.name);
  }
  return before - bytes_loaded() >= wanted;
}

// Frees what others have let go of, as soon as they have. False once it is too late.
bool Loader::free_in_a_moment(std::chrono::steady_clock::time_point end) {
  std::unique_lock lock(inbox_->mutex);
  const auto until = std::min(end, std::chrono::steady_clock::now() + a_moment);
  inbox_->changed.wait_until(lock, until, [&] { return inbox_->stop || !inbox_->unused.empty(); });
  if (inbox_->stop) throw Interrupted{};
  auto unused = std::exchange(inbox_->unused, {});
  lock.unlock();
  if (!unused.empty()) free_unused(std::move(unused));
  return std::chrono::steady_clock::now() < end;
}

// Those who have it all at the moment may be done in a moment.
bool Loader::make_room(const Entry& entry, std::uint64_t bytes) {
  std::uint64_t own = 0;
  for (const auto& [version, loaded] : entry.loaded) own += loaded.servable->bytes();
  if (own + bytes > options_.memory) return false;
  const auto end = std::chrono::steady_clock::now() + patience;
  for (std::uint64_t all = 0; (all = bytes_loaded() + bytes) > options_.memory;) {
    if (!displace(entry, all - options_.memory) && !free_in_a_moment(end)) return false;
  }
  const auto freed = std::chrono::steady_clock::now() + longest_freeing;
  while (bytes_held() + bytes > options_.memory) {
    if (!free_in_a_moment(freed)) return false;
  }
  return true;
}

// It will never fit, or others are in use.
Error Loader::no_room(std::uint64_t bytes) const {
  if (bytes > options_.memory) {
    return make_error(ErrorKind::unsupported,
                      "it takes {} of memory, more than the {} that all models may take", bytes_text(bytes),
                      bytes_text(options_.memory))
        .advise(" (--memory)");
  }
  return make_error(
             ErrorKind::unavailable,
             "there is no room for it now: it takes {}, and models that are in use or were loaded before it "
             "have {} of {}",
             bytes_text(bytes), bytes_text(bytes_loaded()), bytes_text(options_.memory))
      .advise(" (--memory)");
}

// Models that somebody uses or waits for come before those that would only be there.
bool Loader::is_needed(const Entry& entry) { return entry.waking || !entry.loaded.empty(); }

// Nothing where there is room, or where it was made.
std::optional<Error> Loader::why_no_room(const Entry& entry, std::uint64_t bytes) {
  if (options_.memory == 0) return std::nullopt;
  if (bytes > options_.memory) return no_room(bytes);
  if (bytes_held() + bytes <= options_.memory) return std::nullopt;
  if (is_needed(entry) && make_room(entry, bytes)) return std::nullopt;
  return no_room(bytes);
}

// It may take more than its file; how much is known from then on.
std::optional<Error> Loader::load_if_there_is_room(Entry& entry, const repository::FoundVersion& version) {
  const bool needed = is_needed(entry);
  if (auto why_not = why_no_room(entry, bytes_of(entry, version))) return why_not;
  load(entry, version);
  const auto loaded = entry.loaded.find(version.version);
  if (options_.memory == 0 || loaded == entry.loaded.end() || loaded->second.stamp != version.stamp)
    return std::nullopt;
  const std::uint64_t bytes = loaded->second.servable->bytes(), all = bytes_loaded();
  entry.measured[version.version] = {version.stamp, bytes};
  if (all <= options_.memory ||
      (needed && bytes <= options_.memory && displace(entry, all - options_.memory)))
    return std::nullopt;
  retire(entry, version.version, "there is no room for it");
  return no_room(bytes);
}

}  // namespace nn::serving
