// What people decide, and what lines of the history say of it.
#include <algorithm>
#include <deque>

#include "base/json_cursor.hpp"
#include "repository/history.hpp"
#include "repository/labels.hpp"
#include "repository/standing.hpp"
#include "traffic/model_traffic.hpp"

namespace nn::traffic {
namespace {

struct Line {
  std::uint64_t version = 0, control = 0;
  std::string_view verdict, by;
  std::string_view text = {};  // all of it
};

template <typename Each>
void for_each_line(std::string_view history, Each&& each) {
  std::deque<std::string> unescaped;
  while (!history.empty()) {
    const auto end = std::min(history.find('\n'), history.size());
    JsonCursor cursor(history.substr(0, end), unescaped, 8);
    Line line;
    line.text = history.substr(0, end);
    cursor.object([&](std::string_view key) {
      if (key == "version") {
        line.version = cursor.count();
      } else if (key == "control") {
        line.control = cursor.count();
      } else if (key == "verdict") {
        line.verdict = cursor.string();
      } else if (key == "by") {
        line.by = cursor.string();
      } else {
        cursor.skip();
      }
    });
    if (cursor.ok() && cursor.at_end() && line.version != 0) each(line);
    unescaped.clear();
    history.remove_prefix(std::min(end + 1, history.size()));
  }
}

bool ends_a_trial(std::string_view verdict) {
  return verdict == "promote" || verdict == "rollback" || verdict == "incompatible";
}

// The version that is being tried, and what it is compared with (0: with nothing that is known).
Line version_in_trial(const std::string& base, std::string_view history) {
  Line open;
  for_each_line(history, [&](const Line& line) {
    if (line.verdict == "begin") open = {line.version, line.control, {}, {}, {}};
    if (line.version == open.version && ends_a_trial(line.verdict)) open = {};
  });
  if (open.version != 0) return open;
  const repository::Standing standing = repository::read_standing(base);
  const auto canary = standing.labels.find(repository::canary_label);
  if (canary == standing.labels.end() || !standing.has(canary->second))
    throw data_error("no version of it is being tried: there is no label canary").within_file(base);
  const auto stable = standing.labels.find(repository::stable_label);
  return {canary->second, stable == standing.labels.end() ? 0 : stable->second, {}, {}, {}};
}

}  // namespace

std::set<std::uint64_t> decided_versions(std::string_view history) {
  std::set<std::uint64_t> decided;
  for_each_line(history, [&](const Line& line) {
    if (ends_a_trial(line.verdict)) decided.insert(line.version);
  });
  return decided;
}

std::string last_decision(std::string_view history) {
  std::string_view last;
  for_each_line(history, [&](const Line& line) {
    const auto& table = enum_names(Verdict{}).table;
    const bool decides = std::any_of(table.begin(), table.end(), [&](const auto& entry) {
      return entry.value != Verdict::progress && entry.name == line.verdict;
    });
    if (decides) last = line.text;
  });
  return std::string(last);
}

std::string end_of_trial(std::string_view history, std::uint64_t version) {
  std::string_view first;
  for_each_line(history, [&](const Line& line) {
    if (first.empty() && line.version == version && ends_a_trial(line.verdict)) first = line.text;
  });
  return std::string(first);
}

std::vector<HandVerdict> hand_verdicts(std::string_view history) {
  std::vector<HandVerdict> out;
  for_each_line(history, [&](const Line& line) {
    if (line.by != "hand") return;
    for (const Verdict verdict : {Verdict::hold, Verdict::resume, Verdict::promote, Verdict::rollback}) {
      if (enum_names(verdict).name_of(verdict) == line.verdict) out.push_back({line.version, verdict});
    }
  });
  return out;
}

std::uint64_t decide_by_hand(const std::string& base, Verdict verdict, double unix_s) {
  if (verdict != Verdict::hold && verdict != Verdict::resume && verdict != Verdict::promote &&
      verdict != Verdict::rollback) {
    fail_usage("nobody decides '{}' by hand", enum_names(verdict).name_of(verdict));
  }
  const std::string history = repository::read_history(base);
  const Line trial = version_in_trial(base, history);
  Decision decision;
  decision.verdict = verdict;
  decision.version = trial.version;
  decision.control = trial.control;
  decision.by_hand = true;
  const auto slash = base.find_last_not_of('/');
  const std::string_view folder = std::string_view(base).substr(0, slash + 1);
  const std::string line = to_json(decision, folder.substr(folder.rfind('/') + 1), unix_s);
  if (verdict == Verdict::promote) {
    repository::promote(base, trial.version, line);
    return trial.version;
  }
  repository::append_history(base, line);
  if (verdict == Verdict::rollback) {
    const repository::Labels labels = repository::read_labels(base);
    const auto canary = labels.versions.find(repository::canary_label);
    if (canary != labels.versions.end() && canary->second == trial.version)
      repository::remove_label(base, repository::canary_label);
  }
  return trial.version;
}

std::set<std::uint64_t> needed_versions(const std::optional<TrafficPlan>& plan) {
  std::set<std::uint64_t> versions;
  if (!plan) return versions;
  for (const Arm& arm : plan->arms) {
    if (arm.target.model.empty() && arm.target.version != 0) versions.insert(arm.target.version);
  }
  if (plan->shadow && plan->shadow->target.model.empty() && plan->shadow->target.version != 0)
    versions.insert(plan->shadow->target.version);
  return versions;
}

}  // namespace nn::traffic
