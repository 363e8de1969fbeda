#include "repository/standing.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iterator>

#include "base/error.hpp"
#include "base/json_lines.hpp"
#include "base/log.hpp"
#include "repository/ensemble_version.hpp"
#include "repository/history.hpp"
#include "repository/labels.hpp"
#include "repository/misfit.hpp"
#include "repository/repository.hpp"
#include "repository/small_file.hpp"

namespace nn::repository {
namespace {

std::vector<std::uint64_t> versions_in(const std::string& base) {
  ModelSpec spec;
  spec.path = base;
  spec.repository = true;
  std::vector<std::uint64_t> versions;
  for (const FoundVersion& found : find_versions(spec)) versions.push_back(found.version);
  return versions;
}

std::string mark(std::string_view verdict, std::uint64_t version, const std::string& reason) {
  std::string line = "{";
  add_json(line, "time", seconds_since_1970());
  add_json(line, "version", version);
  add_json(line, "verdict", verdict);
  add_json(line, "reason", reason);
  add_json(line, "by", "hand");
  return line + "}";
}

// Whether a server could load it; else that is said, and why. Whoever goes back in a hurry wants one that
// works.
bool loads(const std::string& base, std::uint64_t version) {
  try {
    interface_of(version_file(base, version), true);
    return true;
  } catch (const Error& error) {
    warn("{}; version {} is passed over", error.what(), version);
    return false;
  }
}

std::uint64_t target_below(const Standing& standing, std::uint64_t live, const std::string& base) {
  const auto previous = standing.labels.find(previous_label);
  if (standing.labels.contains(stable_label) && previous != standing.labels.end() &&
      previous->second != live && standing.has(previous->second) && standing.is_good(previous->second) &&
      loads(base, previous->second))
    return previous->second;
  for (auto at = standing.versions.rbegin(); at != standing.versions.rend(); ++at) {
    if (*at < live && standing.is_good(*at) && loads(base, *at)) return *at;
  }
  throw data_error("there is no good version below {}, the live one", live)
      .within_file(base)
      .advise("; --to N goes to any other that is there");
}

void check_target(const std::string& base, const Standing& standing, std::uint64_t live, std::uint64_t to) {
  if (!standing.has(to)) throw data_error("there is no version {} in it", to).within_file(base);
  if (to == live) throw data_error("version {} is live already", to).within_file(base);
  if (standing.wants.refused.contains(to))
    throw data_error("version {} was let go on request, as {}/wanted says", to, base).within_file(base);
  interface_of(version_file(base, to), true);
  const std::string why = misfit(base, live, to);
  if (!why.empty()) {
    warn("{}/{} does not fit version {}, which was live: {}; clients of the one will fail with the other",
         base, to, live, why);
  }
}

void remove_label_if_any(const std::string& base, const std::string& name) {
  remove_small_file(base + "/labels", name);
}

}  // namespace

bool Standing::has(std::uint64_t version) const {
  return std::binary_search(versions.begin(), versions.end(), version);
}

std::optional<std::uint64_t> Standing::live() const {
  const auto stable = labels.find(stable_label);
  if (stable != labels.end() && has(stable->second) && !wants.refused.contains(stable->second))
    return stable->second;
  std::optional<std::uint64_t> newest;
  for (const std::uint64_t version : versions) {
    if (is_good(version)) newest = version;
  }
  if (newest) return newest;
  for (const std::uint64_t version : versions) {
    if (!wants.refused.contains(version)) newest = version;
  }
  return newest;
}

Standing read_standing(const std::string& base) {
  Standing standing;
  standing.versions = versions_in(base);
  standing.labels = read_labels(base).versions;
  standing.wants = read_wants(base);
  standing.bad = bad_versions(read_history(base));
  return standing;
}

RolledBack roll_back(const std::string& base, std::optional<std::uint64_t> wanted) {
  const Standing standing = read_standing(base);
  const auto live = standing.live();
  if (!live) throw data_error("no version of it is live").within_file(base);
  const std::uint64_t to = wanted ? *wanted : target_below(standing, *live, base);
  check_target(base, standing, *live, to);
  const std::string reason = fmt::format("back to version {}", to);
  if (standing.bad.contains(to)) append_history(base, mark("promote", to, "wanted again"));
  if (standing.labels.contains(stable_label)) {
    if (to < *live) append_history(base, mark("rollback", *live, reason));
    set_labels(base, {{stable_label, to}});
    remove_label_if_any(base, previous_label);
    return {*live, to};
  }
  for (const std::uint64_t version : standing.versions) {
    if (version > to && !standing.bad.contains(version))
      append_history(base, mark("rollback", version, reason));
  }
  return {*live, to};
}

void promote(const std::string& base, std::uint64_t version, const std::string& line) {
  const Standing standing = read_standing(base);
  if (!standing.has(version)) throw data_error("there is no version {} in it", version).within_file(base);
  const auto live = standing.live();
  std::vector<Label> labels;
  if (live && *live != version) labels.push_back({previous_label, *live});
  labels.push_back({stable_label, version});
  set_labels(base, labels);
  append_history(base, line);
  const auto canary = standing.labels.find(canary_label);
  if (canary != standing.labels.end() && canary->second == version) remove_label_if_any(base, canary_label);
}

std::vector<std::uint64_t> prune(const std::string& base, std::size_t keep,
                                 const std::set<std::uint64_t>& needed) {
  const Standing standing = read_standing(base);
  std::set<std::uint64_t> kept = needed;
  kept.insert(standing.wants.served.begin(), standing.wants.served.end());
  for (const auto& [name, version] : standing.labels) kept.insert(version);
  if (const auto live = standing.live()) kept.insert(*live);
  for (auto at = standing.versions.rbegin(); at != standing.versions.rend() && keep > 0; ++at) {
    if (!standing.is_good(*at)) continue;
    kept.insert(*at);
    --keep;
  }
  std::vector<std::uint64_t> staying;
  std::copy_if(standing.versions.begin(), standing.versions.end(), std::back_inserter(staying),
               [&](std::uint64_t version) { return kept.contains(version); });
  for (const auto& [version, ensemble] : named_by_ensembles(base, staying)) {
    if (!standing.has(version) || !kept.insert(version).second) continue;
    warn("{}/{} stays: it is a part of {}, which is an ensemble", base, version, ensemble);
  }
  std::vector<std::uint64_t> removed;
  for (const std::uint64_t version : standing.versions) {
    if (kept.contains(version)) continue;
    const std::string path = fmt::format("{}/{}", base, version);
    const std::string aside = fmt::format("{}/.prune-{}-{}", base, version, ::getpid());
    if (std::rename(path.c_str(), aside.c_str()) != 0) fail_errno(path);
    std::error_code error;
    std::filesystem::remove_all(aside, error);
    if (error) throw Error(ErrorKind::io, error.message()).within_file(aside);
    removed.push_back(version);
  }
  if (!removed.empty()) sync_folder(base);
  return removed;
}

}  // namespace nn::repository
