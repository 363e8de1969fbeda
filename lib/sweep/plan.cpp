#include "sweep/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.hpp"
#include "base/json_lines.hpp"
#include "base/log.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"

namespace nn::sweep {
namespace {

using Text = std::optional<std::string>;

template <typename Number>
std::string list_of(const std::vector<Number>& all, Number one) {
  return all.empty() ? std::to_string(one) : fmt::format("{}", fmt::join(all, ","));
}

std::string list_size(const std::vector<std::uint32_t>& all) {
  return std::to_string(std::max<std::size_t>(all.size(), 1));
}

struct Placeholder {
  std::string_view name;
  Text (*text)(const TrialPlace&);
};

// Those that every command has. An optional part asks for them as it does for parameters.
constexpr Placeholder placeholders[] = {
    {"device", [](const TrialPlace& p) { return Text(p.device); }},
    {"slot", [](const TrialPlace& p) { return Text(p.slot.name()); }},
    {"seed", [](const TrialPlace& p) { return Text(list_of(p.seeds, p.seed)); }},
    {"trial", [](const TrialPlace& p) { return Text(list_of(p.trials, p.trial)); }},
    {"members", [](const TrialPlace& p) { return Text(list_size(p.trials)); }},
    {"attempt", [](const TrialPlace& p) { return Text(std::to_string(p.attempt)); }},
    {"dir", [](const TrialPlace& p) { return Text(p.directory); }},
    {"checkpoint", [](const TrialPlace& p) { return Text(p.checkpoint); }},
    {"budget", [](const TrialPlace& p) { return p.budget ? Text(fmt::format("{}", *p.budget)) : Text(); }},
    {"resume", [](const TrialPlace& p) { return p.resumes ? Text(p.checkpoint) : Text(); }},
};

Text text_of(std::string_view name, const TrialPlace& place) {
  for (const Placeholder& placeholder : placeholders) {
    if (placeholder.name == name) return placeholder.text(place);
  }
  return std::nullopt;
}

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace

const EnumNames<ValueOf>& enum_names(ValueOf) {
  static constexpr EnumName<ValueOf> table[] = {{ValueOf::last, "last"}, {ValueOf::best, "best"}};
  static constexpr EnumNames<ValueOf> names{"a choice of reports", table};
  return names;
}

const EnumNames<KeepCheckpoints>& enum_names(KeepCheckpoints) {
  static constexpr EnumName<KeepCheckpoints> table[] = {
      {KeepCheckpoints::all, "all"}, {KeepCheckpoints::best, "best"}, {KeepCheckpoints::none, "none"}};
  static constexpr EnumNames<KeepCheckpoints> names{"a choice of checkpoints", table};
  return names;
}

Constraint parse_constraint(std::string_view text) {
  for (const std::string_view sign : {"<=", ">="}) {
    const auto at = text.find(sign);
    if (at == std::string_view::npos) continue;
    Constraint constraint;
    constraint.metric = std::string(trim(text.substr(0, at)));
    constraint.limit = parse_number(trim(text.substr(at + 2)));
    constraint.at_most = sign == "<=";
    if (!constraint.metric.empty()) return constraint;
  }
  fail_usage("'{}': METRIC<=NUMBER or METRIC>=NUMBER is expected", printable(text));
}

const std::vector<std::string>& placeholder_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Placeholder& placeholder : placeholders) all.emplace_back(placeholder.name);
    return all;
  }();
  return names;
}

void check(const Template& command, const search::Space& space) {
  const std::vector<std::string>& own = placeholder_names();
  const auto is_own = [&](const std::string& name) {
    return std::find(own.begin(), own.end(), name) != own.end();
  };
  std::vector<std::string> known = own;
  for (const search::Parameter& p : space.parameters()) {
    if (is_own(p.name))
      fail_usage("{}: every command has a placeholder of that name; call the parameter otherwise", p.name);
    known.push_back(p.name);
  }
  for (const std::string& name : command.names()) {
    if (is_own(name) || space.find(name)) continue;
    const auto near = closest(name, known);
    fail_usage(
        "{{{}}}: there is no such parameter; {}. For braces that are text put a space into them: {{ {}}}",
        name, near ? fmt::format("did you mean {{{}}}?", *near) : "there are " + listed(known), name);
  }
  const std::vector<std::string>& used = command.names();
  for (const search::Parameter& p : space.parameters()) {
    if (std::find(used.begin(), used.end(), p.name) == used.end()) {
      fail_usage("{}: the command doesn't use it; {{{}}} is where its value goes", p.name, p.name);
    }
  }
  for (const std::string& name : command.plain_names()) {
    const auto p = space.find(name);
    if (!p || space.parameters()[*p].conditions.empty()) continue;
    warn("{{{}}} is empty where {} isn't there; '{{?{}:--option {{{}}}}}' leaves out more", name, name, name,
         name);
  }
}

std::string trial_folder(const std::string& folder, std::uint32_t trial) {
  return fmt::format("{}/trial-{:05}", folder, trial);
}

std::string trials_folder(const std::string& journal) { return journal + ".d"; }

search::Point point_of(const search::Space& space, const study::Trial& trial) {
  search::Point point(space.size(), std::nan(""));
  for (std::size_t p = 0; p < space.size(); ++p) {
    const search::Parameter& parameter = space.parameters()[p];
    const study::TrialParameter* known = trial.find(parameter.name);
    if (known == nullptr) continue;
    if (const auto value = parameter.value_of(known->text())) point[p] = *value;
  }
  return point;
}

std::string json_of(const search::Parameter& parameter, double value) {
  return parameter.has_choices() ? parameter.choices[static_cast<std::size_t>(value)].json
                                 : fmt::format("{}", value);
}

study::Propose propose_by(const search::SamplerOptions& sampler) {
  return [sampler](const search::Space& space, const search::History& history, std::uint64_t so_far,
                   RandomStream& random) { return search::propose(sampler, space, history, so_far, random); };
}

namespace {

// The parameter's values, each as `one` shows it.
template <typename One>
std::string text_of(const GroupValues& values, std::size_t parameter, One one) {
  std::string out = one(values.points[0][parameter]);
  if (!values.is_list(parameter)) return out;
  for (std::size_t m = 1; m < values.points.size(); ++m) out += ',' + one(values.points[m][parameter]);
  return out;
}

}  // namespace

std::vector<std::string> words_of(const Template& command, const search::Space& space,
                                  const GroupValues& values, const TrialPlace& place) {
  return command.fill([&](std::string_view name) -> Text {
    const auto p = space.find(name);
    if (!p) return text_of(name, place);
    if (std::isnan(values.points[0][*p])) return std::nullopt;
    return text_of(values, *p, [&](double value) { return space.parameters()[*p].text_of(value); });
  });
}

std::vector<std::string> environment_of(const search::Space& space, const GroupValues& values,
                                        const TrialPlace& place) {
  std::vector<std::string> out{"NN_SWEEP=1"};
  for (const Placeholder& placeholder : placeholders) {
    std::string name(placeholder.name);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    out.push_back(fmt::format("NN_SWEEP_{}={}", name, placeholder.text(place).value_or("")));
  }
  std::string all = "{";
  for (std::size_t p = 0; p < space.size(); ++p) {
    if (std::isnan(values.points[0][p])) continue;
    const search::Parameter& parameter = space.parameters()[p];
    std::string json = text_of(values, p, [&](double value) { return json_of(parameter, value); });
    if (values.is_list(p)) json.insert(0, "[").append("]");
    out.push_back(fmt::format("NN_PARAM_{}={}", parameter.name, json));
    all += fmt::format("{}{}:{}", all.size() > 1 ? "," : "", json_quoted(parameter.name), json);
  }
  out.push_back("NN_SWEEP_PARAMS=" + all + "}");
  return out;
}

}  // namespace nn::sweep
