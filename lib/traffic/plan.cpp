#include "traffic/plan.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>

#include "base/error.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"
#include "repository/labels.hpp"
#include "repository/model_name.hpp"
#include "repository/small_file.hpp"

namespace nn::traffic {
namespace {

struct KeyWord {
  std::string_view word;  // with ':' a name follows
  Key::From from;
};
constexpr KeyWord key_words[] = {
    {"header:", Key::From::header}, {"cookie:", Key::From::cookie}, {"set-cookie:", Key::From::set_cookie},
    {"query:", Key::From::query},   {"random", Key::From::random},  {"id", Key::From::id},
    {"ip", Key::From::ip},          {"input", Key::From::input}};

// Names of headers, cookies and parameters: RFC 9110's token.
bool is_token(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// What a server's command line says of one of its models: MODEL:REST.
std::pair<std::string, std::string_view> model_and_rest(std::string_view text, std::string_view example) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0) {
    fail_usage("'{}' names no model; write it as in {}", printable(text), example);
  }
  const std::string_view model = text.substr(0, colon);
  repository::check_printable_name(model);
  return {std::string(model), text.substr(colon + 1)};
}

}  // namespace

Target parse_target(std::string_view text) {
  if (text.starts_with("version:")) return {.version = repository::parse_version(text.substr(8))};
  if (text.starts_with("model:")) {
    repository::ModelName name = repository::parse_model_name(text.substr(6));
    return {std::move(name.name), name.version.value_or(0), std::move(name.label)};
  }
  if (text.find(':') != std::string_view::npos) {
    fail_usage("'{}' is no arm; there are a label, as in canary, version:N and model:NAME/VERSION",
               printable(text));
  }
  return {.label = repository::parse_label_name(text)};
}

std::string to_text(const Target& target) {
  if (target.model.empty())
    return target.version != 0 ? fmt::format("version:{}", target.version) : target.label;
  if (target.version != 0) return fmt::format("model:{}/{}", target.model, target.version);
  return fmt::format("model:{}{}{}", target.model, target.label.empty() ? "" : ":", target.label);
}

Key parse_key(std::string_view text) {
  for (const KeyWord& one : key_words) {
    if (!one.word.ends_with(':')) {
      if (text == one.word) return {one.from, ""};
    } else if (text.starts_with(one.word)) {
      const std::string_view name = text.substr(one.word.size());
      if (!is_token(name)) fail_usage("'{}': '{}' is no name of a field", printable(text), printable(name));
      return {one.from, one.from == Key::From::header ? lower(name) : std::string(name)};
    }
  }
  fail_usage(
      "'{}' is no key; there are header:NAME, cookie:NAME, set-cookie:NAME, query:NAME, id, ip, input, "
      "random",
      printable(text));
}

std::string to_text(const Key& key) {
  for (const KeyWord& one : key_words) {
    if (one.from == key.from) return std::string(one.word) + key.name;
  }
  return "random";
}

Shadow parse_shadow(std::string_view text) {
  const auto equals = text.rfind('=');
  if (equals == std::string_view::npos || !text.ends_with('%')) {
    fail_usage("'{}' is no shadow; write ARM=PERCENT%, as in canary=20%", printable(text));
  }
  const std::string_view percent = text.substr(equals + 1, text.size() - equals - 2);
  return {parse_target(text.substr(0, equals)),
          parse_number_in("percent", percent, {.most = 100, .above = true})};
}

std::string to_text(const Shadow& shadow) {
  return fmt::format("{}={}%", to_text(shadow.target), shadow.percent);
}

Arm parse_arm(std::string_view text) {
  const auto equals = text.rfind('=');
  if (equals == std::string_view::npos) {
    fail_usage("'{}' has no weight; write ARM=WEIGHT, as in canary=5", printable(text));
  }
  return {parse_target(text.substr(0, equals)),
          parse_number_in(text.substr(0, equals), text.substr(equals + 1), {.most = 1e9})};
}

void check_arms(const std::vector<Arm>& arms) {
  if (arms.size() > most_arms) fail_usage("{} arms are more than {}", arms.size(), most_arms);
  double sum = 0;
  for (std::size_t i = 0; i < arms.size(); ++i) {
    sum += arms[i].weight;
    for (std::size_t j = 0; j < i; ++j) {
      if (arms[i].target == arms[j].target)
        fail_usage("the arm '{}' is named twice", to_text(arms[i].target));
    }
  }
  if (!arms.empty() && sum <= 0) fail_usage("all arms have the weight 0");
}

std::pair<std::string, std::vector<Arm>> parse_split(std::string_view text) {
  auto [model, rest] = model_and_rest(text, "iris:stable=95,canary=5");
  std::vector<Arm> arms;
  for (const std::string& part : split(rest, ',')) arms.push_back(parse_arm(part));
  check_arms(arms);
  return {std::move(model), std::move(arms)};
}

std::pair<std::string, Shadow> parse_model_shadow(std::string_view text) {
  auto [model, rest] = model_and_rest(text, "iris:canary=20%");
  return {std::move(model), parse_shadow(rest)};
}

std::optional<TrafficPlan> read_plan(const std::string& base) {
  const std::string path = base + "/" + plan_file;
  const auto text = repository::read_small_file(path, longest_plan);
  if (!text && ::access(base.c_str(), F_OK) != 0) fail_errno(base);
  if (!text) return std::nullopt;
  return parse_plan(*text, path);
}

void write_plan(const std::string& base, const TrafficPlan& plan) {
  repository::replace_small_file(base, plan_file, to_toml(plan));
}

bool remove_plan(const std::string& base) { return repository::remove_small_file(base, plan_file); }

}  // namespace nn::traffic
