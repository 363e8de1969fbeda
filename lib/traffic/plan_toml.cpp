// The plan as TOML.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "base/enum_names.hpp"
#include "base/error.hpp"
#include "base/json_lines.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"
#include "base/toml.hpp"
#include "traffic/judge.hpp"
#include "traffic/plan.hpp"

namespace nn::traffic {

namespace {

const EnumNames<CanaryPolicy::Inconclusive>& enum_names(CanaryPolicy::Inconclusive) {
  using Inconclusive = CanaryPolicy::Inconclusive;
  static constexpr EnumName<Inconclusive> table[] = {
      {Inconclusive::hold, "hold"}, {Inconclusive::rollback, "rollback"}, {Inconclusive::promote, "promote"}};
  static constexpr EnumNames<Inconclusive> names{"something to do where nothing is decided", table};
  return names;
}

constexpr double most_weight = 1e9;
constexpr auto most_requests = static_cast<std::int64_t>(most_min_requests);

void read_split(const TomlFile& file, const TomlTable& table, std::vector<Arm>& arms) {
  file.each(table, [&](const TomlEntry& entry) {
    arms.push_back({parse_target(entry.key), entry.value.number({.most = most_weight})});
  });
  check_arms(arms);
}

void read_steps(const TomlValue& value, std::vector<double>& steps) {
  if (value.kind() != TomlValue::Kind::list || value.list().empty())
    fail_usage("must be a list of percentages");
  if (value.list().size() > 100) fail_usage("more than 100 steps");
  steps.clear();
  for (const TomlValue& step : value.list()) {
    steps.push_back(step.number({.most = 100, .above = true}));
    if (steps.size() > 1 && steps.back() <= steps[steps.size() - 2]) fail_usage("steps must rise");
  }
}

// "20% for 500 requests"
void read_shadow(const std::string& text, CanaryPolicy& policy) {
  const std::vector<std::string> words = split(text, ' ');
  if (words.size() != 4 || !words[0].ends_with('%') || words[1] != "for" || words[3] != "requests") {
    fail_usage("'{}' is no shadow; write it as in \"20% for 500 requests\"", printable(text));
  }
  policy.shadow_percent =
      parse_number_in("percent", words[0].substr(0, words[0].size() - 1), {.most = 100, .above = true});
  policy.shadow_requests = static_cast<std::uint64_t>(parse_count(words[2], 1, most_requests));
}

std::chrono::milliseconds time_of(const std::string& text) {
  const double s = parse_number_in(fmt::format("{}", parse_duration_s(text)), {.most = 1e8});
  return std::chrono::milliseconds(std::llround(1000 * s));
}

void read_canary(const TomlFile& file, const TomlTable& table, CanaryPolicy& policy) {
  const auto number = [](double& out, const Interval& interval) {
    return [&out, interval](const TomlValue& value) { out = value.number(interval); };
  };
  constexpr Interval share{.most = 1};
  file.take(table, "a key",
            {{"auto", [&](const TomlValue& value) { policy.automatic = value.flag(); }},
             {"shadow", [&](const TomlValue& value) { read_shadow(value.text(), policy); }},
             {"steps", [&](const TomlValue& value) { read_steps(value, policy.steps); }},
             {"min_requests",
              [&](const TomlValue& value) {
                policy.min_requests = static_cast<std::uint64_t>(value.whole(20, most_requests));
              }},
             {"min_time", [&](const TomlValue& value) { policy.min_time = time_of(value.text()); }},
             {"max_error_increase", number(policy.max_error_increase, share)},
             {"max_p95_ratio", number(policy.max_p95_ratio, {.least = 1, .most = 1000})},
             {"min_agreement", number(policy.min_agreement, share)},
             {"max_nonfinite", number(policy.max_nonfinite, share)},
             {"min_capacity_ratio", number(policy.min_capacity_ratio, share)},
             {"confidence", number(policy.confidence, {.least = 0.5, .most = 0.9999})},
             {"inconclusive",
              [&](const TomlValue& value) {
                policy.inconclusive = enum_names(policy.inconclusive).parse(value.text());
              }},
             {"on_verdict", [&](const TomlValue& value) { policy.on_verdict = value.text(); }}});
}

std::string read_salt(const std::string& salt) {
  if (salt.size() > 256) fail_usage("longer than 256 bytes");
  return salt;
}

// JSON's texts are TOML's, but for \u00XX of DEL, which JSON has as it is.
std::string quoted(std::string_view text) {
  std::string out;
  for (const char c : json_quoted(text)) {
    if (c == '\x7f') {
      out += "\\u007F";
    } else {
      out += c;
    }
  }
  return out;
}

std::string key(std::string_view name) {
  const bool bare = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) != 0 || c == '-' || c == '_');
  });
  return bare ? std::string(name) : quoted(name);
}

std::string to_toml(const CanaryPolicy& policy) {
  std::string text = "[canary]\n";
  text += fmt::format("auto = {}\n", policy.automatic);
  if (policy.shadow_requests > 0)
    text += fmt::format("shadow = \"{}% for {} requests\"\n", policy.shadow_percent, policy.shadow_requests);
  text += "steps = [";
  for (std::size_t i = 0; i < policy.steps.size(); ++i)
    text += fmt::format("{}{}", i == 0 ? "" : ", ", policy.steps[i]);
  text += "]\n";
  text += fmt::format("min_requests = {}\n", policy.min_requests);
  text += fmt::format("min_time = \"{}ms\"\n", policy.min_time.count());
  text += fmt::format("max_error_increase = {}\n", policy.max_error_increase);
  text += fmt::format("max_p95_ratio = {}\n", policy.max_p95_ratio);
  text += fmt::format("min_agreement = {}\n", policy.min_agreement);
  text += fmt::format("max_nonfinite = {}\n", policy.max_nonfinite);
  text += fmt::format("min_capacity_ratio = {}\n", policy.min_capacity_ratio);
  text += fmt::format("confidence = {}\n", policy.confidence);
  text +=
      fmt::format("inconclusive = \"{}\"\n", enum_names(policy.inconclusive).name_of(policy.inconclusive));
  if (!policy.on_verdict.empty()) text += fmt::format("on_verdict = {}\n", quoted(policy.on_verdict));
  return text;
}

}  // namespace

TrafficPlan parse_plan(std::string_view text, const std::string& path) {
  const TomlFile file(text, path, longest_plan);
  TrafficPlan plan;
  file.take(file.root(), "a key",
            {{"sticky", [&](const TomlValue& value) { plan.key = parse_key(value.text()); }},
             {"salt", [&](const TomlValue& value) { plan.salt = read_salt(value.text()); }},
             {"shadow", [&](const TomlValue& value) { plan.shadow = parse_shadow(value.text()); }},
             {"split", [&](const TomlValue& value) { read_split(file, value.table(), plan.arms); }},
             {"canary", [&](const TomlValue& value) { read_canary(file, value.table(), plan.canary); }}});
  if (const auto why = why_never_passed(plan.canary)) {
    const TomlEntry& canary = *find(file.root(), "canary");
    file.at(canary.line, canary.key, [&] { fail_usage("{}", *why); });
  }
  if (plan.canary.automatic && (!plan.arms.empty() || plan.shadow)) {
    const TomlEntry& canary = *find(file.root(), "canary");
    file.at(canary.line, canary.key, [&] {
      fail_usage("auto = true decides about {}, which is given as well",
                 plan.arms.empty() ? "shadow" : "split");
    });
  }
  return plan;
}

std::string to_toml(const TrafficPlan& plan) {
  std::string text;
  if (plan.key.from != Key::From::random) text += fmt::format("sticky = {}\n", quoted(to_text(plan.key)));
  if (!plan.salt.empty()) text += fmt::format("salt = {}\n", quoted(plan.salt));
  if (plan.shadow) text += fmt::format("shadow = {}\n", quoted(to_text(*plan.shadow)));
  if (!plan.arms.empty()) text += "[split]\n";
  for (const Arm& arm : plan.arms) text += fmt::format("{} = {}\n", key(to_text(arm.target)), arm.weight);
  if (plan.canary != CanaryPolicy{}) text += to_toml(plan.canary);
  return text;
}

}  // namespace nn::traffic
