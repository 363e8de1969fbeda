// What a repository's files tell beside the versions that can be loaded.
#include <fmt/format.h>

#include <algorithm>

#include "base/log.hpp"
#include "base/text.hpp"
#include "serving/loader.hpp"

namespace nn::serving {
namespace {

bool holds(const std::vector<repository::FoundVersion>& versions, std::uint64_t version) {
  return std::any_of(versions.begin(), versions.end(), [&](const auto& v) { return v.version == version; });
}

Error removed(const std::string& base, std::uint64_t version) {
  return data_error("its files were removed").within_file(fmt::format("{}/{}", base, version));
}

}  // namespace

// What can't be a version is told as one that can't be loaded, whether it is wanted or not, and takes nothing
// away. A folder that is empty gets a moment, for those who make it and then copy into it.
void Loader::note_odd(Entry& entry, const repository::Contents& contents) {
  constexpr std::chrono::seconds moment{5};
  std::map<std::uint64_t, Clock::time_point> empty;
  for (const repository::OddVersion& odd : contents.odd) {
    const std::uint64_t version = odd.version.version;
    if (odd.empty) {
      const auto known = entry.empty.find(version);
      const auto since = known == entry.empty.end() ? clock_.now() : known->second;
      empty.emplace(version, since);
      if (started_ && !entry.waking && clock_.now() - since < moment) continue;
    }
    if (entry.failed.contains(version)) continue;
    fail(entry, odd.version, Error(ErrorKind::data, odd.reason).within_file(odd.version.path));
    entry.news = true;
  }
  entry.empty = std::move(empty);
}

void Loader::note_left_out(Entry& entry, const std::vector<repository::LeftOut>& left_out) {
  constexpr std::size_t most_told = 10;
  std::set<std::string> paths;
  std::size_t news = 0;
  for (const repository::LeftOut& one : left_out) {
    paths.insert(one.path);
    if (entry.left_out.contains(one.path) || ++news > most_told) continue;
    warn("{} is no version here: {}", printable(one.path), one.reason);
    log_.write("left_out", {{"model", entry.spec.name}, {"path", one.path}, {"error", one.reason}});
  }
  if (news > most_told)
    warn("{}: {} more folders are no versions", printable(entry.spec.path), news - most_told);
  entry.left_out = std::move(paths);
}

// Somebody removed what is served: they hear of it, as do those whose clients get another version from here
// on. The status keeps it until there is a newer one.
void Loader::note_gone(Entry& entry, const std::vector<repository::FoundVersion>& found,
                       const std::vector<repository::FoundVersion>& chosen) {
  std::uint64_t newest = 0, next = 0;
  for (const auto& [version, loaded] : entry.loaded) {
    if (!entry.bad.contains(version)) newest = version;
    if (holds(chosen, version) && !entry.bad.contains(version)) next = version;
  }
  const auto stale =
      std::erase_if(entry.gone, [&](const auto& one) { return holds(found, one.first) || next > one.first; });
  if (stale > 0) entry.news = true;
  for (const auto& [version, loaded] : entry.loaded) {
    if (holds(found, version) || entry.gone.contains(version)) continue;
    const Error reason = removed(entry.spec.path, version);
    std::string labels;
    for (const auto& [name, label] : entry.labels) {
      if (label.served == version) labels += fmt::format("{}{}", labels.empty() ? "" : ", ", name);
    }
    const std::string then = next == 0 ? "it is served as it was" : fmt::format("version {} answers", next);
    if (version == newest || !labels.empty()) {
      warn("model {}: version {}, which was {}, is gone: {}; {}", entry.spec.name, version,
           labels.empty() ? "live" : "labelled " + labels, reason.what(), then);
    }
    log_.write("version_missing",
               {{"model", entry.spec.name}, {"version", version}, {"error", reason.what()}, {"then", then}});
    if (version > next) entry.gone.emplace(version, reason);
    entry.news = true;
  }
}

std::string Loader::why_let_go(const Entry& entry, std::uint64_t version,
                               const std::vector<repository::FoundVersion>& found,
                               const std::vector<repository::FoundVersion>& chosen) {
  if (!holds(found, version)) return removed(entry.spec.path, version).what();
  if (is_refused(entry, version)) return std::string(on_request);
  if (entry.bad.contains(version)) return "it was rolled back";
  std::uint64_t next = 0;
  for (const auto& one : chosen) {
    const auto loaded = entry.loaded.find(one.version);
    if (loaded != entry.loaded.end() && loaded->second.since >= entry.loaded.at(version).since)
      next = std::max(next, one.version);
  }
  return next > version ? fmt::format("version {} takes its place", next)
                        : "neither the policy nor a label wants it";
}

}  // namespace nn::serving
