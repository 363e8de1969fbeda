// The plan as TOML. Only this file sees toml++.
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cctype>
#include <cmath>

#include "base/enum_names.hpp"
#include "base/error.hpp"
#include "base/json_lines.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"
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

// Reads one file: its errors have the line.
class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {}

  TrafficPlan plan(const toml::table& table) {
    TrafficPlan plan;
    for (const auto& [key, node] : table) {
      const std::string_view name = key.str();
      at(key, [&, &node = node] {
        if (name == "sticky") {
          plan.key = parse_key(text(node));
        } else if (name == "salt") {
          plan.salt = text(node);
          if (plan.salt.size() > 256) fail_usage("longer than 256 bytes");
        } else if (name == "shadow") {
          plan.shadow = parse_shadow(text(node));
        } else if (name == "split") {
          split(table_of(node), plan.arms);
        } else if (name == "canary") {
          canary(table_of(node), plan.canary);
        } else {
          fail_unknown_name(name, "a key", {"sticky", "salt", "shadow", "split", "canary"});
        }
      });
    }
    if (plan.canary.automatic && (!plan.arms.empty() || plan.shadow)) {
      at(table.find("canary")->first, [&] {
        fail_usage("auto = true decides about {}, which is given as well",
                   plan.arms.empty() ? "shadow" : "split");
      });
    }
    return plan;
  }

 private:
  // What is wrong in it is wrong in this file's line, and an input.
  template <typename Body>
  void at(const toml::key& key, Body&& body) {
    try {
      body();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::usage) throw;  // it has its line already
      throw data_error("{}: {}", printable(key.str()), error.message())
          .within_file(path_, static_cast<std::int64_t>(key.source().begin.line));
    }
  }
  static const toml::table& table_of(const toml::node& node) {
    if (const toml::table* table = node.as_table()) return *table;
    fail_usage("must be a table");
  }
  static std::string text(const toml::node& node) {
    if (const auto* value = node.as_string()) return value->get();
    fail_usage("must be a text in quotes");
  }
  static double number(const toml::node& node, const Interval& interval) {
    std::string text;
    if (const auto* whole = node.as_integer()) {
      text = std::to_string(whole->get());
    } else if (const auto* value = node.as_floating_point()) {
      text = fmt::format("{}", value->get());
    } else {
      fail_usage("must be a number");
    }
    return parse_number_in(text, interval);
  }
  static std::uint64_t count(const toml::node& node, std::int64_t least, std::int64_t most) {
    const auto* whole = node.as_integer();
    if (whole == nullptr) fail_usage("must be a whole number");
    return static_cast<std::uint64_t>(parse_count(std::to_string(whole->get()), least, most));
  }

  void split(const toml::table& table, std::vector<Arm>& arms) {
    // A table is in its keys' order: arms come in the order in which they were written.
    std::vector<std::pair<std::uint64_t, Arm>> written;
    for (const auto& [key, node] : table) {
      at(key, [&, &key = key, &node = node] {
        const auto place = key.source().begin;
        written.emplace_back(std::uint64_t{place.line} << 32 | place.column,
                             Arm{parse_target(key.str()), number(node, {.most = most_weight})});
      });
    }
    std::sort(written.begin(), written.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [place, arm] : written) arms.push_back(std::move(arm));
    check_arms(arms);
  }

  static void steps(const toml::node& node, std::vector<double>& steps) {
    const toml::array* array = node.as_array();
    if (array == nullptr || array->empty()) fail_usage("must be a list of percentages");
    if (array->size() > 100) fail_usage("more than 100 steps");
    steps.clear();
    for (const toml::node& step : *array) {
      steps.push_back(number(step, {.most = 100, .above = true}));
      if (steps.size() > 1 && steps.back() <= steps[steps.size() - 2]) fail_usage("steps must rise");
    }
  }

  // "20% for 500 requests"
  static void shadow(const std::string& text, CanaryPolicy& policy) {
    const std::vector<std::string> words = nn::split(text, ' ');
    if (words.size() != 4 || !words[0].ends_with('%') || words[1] != "for" || words[3] != "requests") {
      fail_usage("'{}' is no shadow; write it as in \"20% for 500 requests\"", printable(text));
    }
    policy.shadow_percent =
        parse_number_in("percent", words[0].substr(0, words[0].size() - 1), {.most = 100, .above = true});
    policy.shadow_requests = static_cast<std::uint64_t>(parse_count(words[2], 1, 1'000'000'000));
  }

  void canary(const toml::table& table, CanaryPolicy& policy) {
    for (const auto& [key, node] : table)
      at(key, [&, &key = key, &node = node] { canary_value(key.str(), node, policy); });
  }
  static void canary_value(std::string_view name, const toml::node& node, CanaryPolicy& policy) {
    constexpr Interval share{.most = 1};
    if (name == "auto") {
      const auto* value = node.as_boolean();
      if (value == nullptr) fail_usage("must be true or false");
      policy.automatic = value->get();
    } else if (name == "shadow") {
      shadow(text(node), policy);
    } else if (name == "steps") {
      steps(node, policy.steps);
    } else if (name == "min_requests") {
      policy.min_requests = count(node, 20, 1'000'000'000);
    } else if (name == "min_time") {
      policy.min_time = std::chrono::milliseconds(std::llround(
          1000 * parse_number_in(fmt::format("{}", parse_duration_s(text(node))), {.most = 1e8})));
    } else if (name == "max_error_increase") {
      policy.max_error_increase = number(node, share);
    } else if (name == "max_p95_ratio") {
      policy.max_p95_ratio = number(node, {.least = 1, .most = 1000});
    } else if (name == "min_agreement") {
      policy.min_agreement = number(node, share);
    } else if (name == "max_nonfinite") {
      policy.max_nonfinite = number(node, share);
    } else if (name == "min_capacity_ratio") {
      policy.min_capacity_ratio = number(node, share);
    } else if (name == "confidence") {
      policy.confidence = number(node, {.least = 0.5, .most = 0.9999});
    } else if (name == "inconclusive") {
      policy.inconclusive = enum_names(policy.inconclusive).parse(text(node));
    } else if (name == "on_verdict") {
      policy.on_verdict = text(node);
    } else {
      fail_unknown_name(name, "a key",
                        {"auto", "shadow", "steps", "min_requests", "min_time", "max_error_increase",
                         "max_p95_ratio", "min_agreement", "max_nonfinite", "min_capacity_ratio",
                         "confidence", "inconclusive", "on_verdict"});
    }
  }

  const std::string& path_;
};

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
  if (text.size() > longest_plan)
    throw data_error("it is longer than {} bytes", longest_plan).within_file(path);
  toml::table table;
  try {
    table = toml::parse(text, path);
  } catch (const toml::parse_error& error) {
    throw data_error("{}", printable(error.description(), 200))
        .within_file(path, static_cast<std::int64_t>(error.source().begin.line));
  }
  return Reader(path).plan(table);
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
