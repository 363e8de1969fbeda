#include "sweep/group.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.hpp"
#include "base/json_text.hpp"
#include "base/numbers.hpp"
#include "base/text.hpp"
#include "search/sampler.hpp"
#include "sweep/fidelity.hpp"

namespace nn::sweep {
namespace {

constexpr std::string_view attribute = "nn.group";
constexpr int tries = 8, random_tries = 1000;  // of points that fit the leader's
constexpr std::size_t deepest = 3;

bool is_number(const search::Choice& choice) {
  try {
    parse_number(choice.text);
    return true;
  } catch (const Error&) {
    return false;
  }
}

// `point` with the leader's values of what is shared; nothing where it can't be with it then.
std::optional<search::Point> fitted(const search::Space& space, const std::vector<bool>& shared,
                                    const search::Point& leader, search::Point point) {
  for (std::size_t p = 0; p < point.size(); ++p) {
    if (shared[p]) point[p] = leader[p];
    if (std::isnan(point[p]) != std::isnan(leader[p])) return std::nullopt;
  }
  return space.contains(point) ? std::optional(std::move(point)) : std::nullopt;
}

bool is_in(const search::History& history, const search::Point& point) {
  for (std::size_t t = 0; t < history.size(); ++t) {
    bool same = true;
    for (std::size_t p = 0; p < point.size() && same; ++p) {
      const double other = history.parameters[p][t];
      same = other == point[p] || (std::isnan(other) && std::isnan(point[p]));
    }
    if (same) return true;
  }
  return false;
}

// An attribute of ours as JSON; discarded where it is none.
nlohmann::json json_in(const study::Trial& trial) {
  const study::Attribute* found = trial.find_attribute(attribute, true);
  if (found == nullptr || json_nests_deeper(found->json, deepest)) return nullptr;
  return nlohmann::json::parse(found->json, nullptr, false);
}

}  // namespace

std::vector<bool> shared_parameters(const search::Space& space, const std::vector<std::string>& named) {
  std::vector<bool> shared(space.size());
  std::vector<std::string> names;
  for (const search::Parameter& p : space.parameters()) names.push_back(p.name);
  for (const std::string& name : named) {
    const auto p = space.find(name);
    if (!p) {
      const auto near = closest(name, names);
      fail_usage("'{}' is no parameter{}", printable(name),
                 near ? fmt::format("; did you mean {}?", *near) : "");
    }
    shared[*p] = true;
  }
  for (std::size_t p = 0; p < space.size(); ++p) {
    const search::Parameter& parameter = space.parameters()[p];
    if (!std::all_of(parameter.choices.begin(), parameter.choices.end(), is_number)) shared[p] = true;
    for (const search::Condition& condition : parameter.conditions) shared[condition.parameter] = true;
  }
  return shared;
}

void check_group(const Plan& plan, const search::Space& space) {
  const auto& used = plan.command.names();
  if (std::find(used.begin(), used.end(), "members") == used.end()) {
    throw make_error(ErrorKind::usage,
                     "the command isn't told how many members it trains: it has no {{members}}")
        .advise("; as in nn-train --members {{members}} --lr {{lr}}");
  }
  if (!plan.metrics.expression.empty() || !plan.metric_file.empty()) {
    fail_usage(
        "members tell their metrics in lines of JSON with \"member\": a regular expression or a file has "
        "those of one "
        "trial only");
  }
  if (has_stages(plan.pruner)) {
    fail_usage("'{}' has trials go on from checkpoints, each at its time, which members of one process can't",
               to_string(plan.pruner));
  }
  if (plan.sampler.kind != search::SamplerKind::grid) return;
  for (std::size_t p = 0; p < space.size(); ++p) {
    if (plan.shared[p] && !space.parameters()[p].is_single()) {
      fail_usage("a grid has no order in which {} is the same for all members of a process",
                 space.parameters()[p].name);
    }
  }
}

GroupProposer::GroupProposer(study::Propose inner, std::vector<bool> shared, bool may_repeat)
    : state_(std::make_shared<State>(State{std::move(inner), std::move(shared), may_repeat})) {}

study::Propose GroupProposer::propose() const {
  return [state = state_](const search::Space& space, const search::History& history, std::uint64_t so_far,
                          RandomStream& random) -> std::optional<search::Proposal> {
    if (state->leader == nullptr) return state->inner(space, history, so_far, random);
    search::SamplerOptions by_chance;
    by_chance.kind = search::SamplerKind::random;
    by_chance.allow_duplicates = true;
    for (int i = 0; i < tries + random_tries; ++i) {
      auto proposal = i < tries ? state->inner(space, history, so_far, random)
                                : search::propose(by_chance, space, history, so_far, random);
      if (!proposal) continue;
      auto point = fitted(space, state->shared, *state->leader, std::move(proposal->point));
      if (!point) continue;
      proposal->point = std::move(*point);
      if (state->may_repeat || !is_in(history, proposal->point)) return proposal;
    }
    return std::nullopt;
  };
}

bool may_join(const search::Space& space, const std::vector<bool>& shared, const search::Point& leader,
              const study::Trial& waiting) {
  const auto fixed = waiting.fixed_parameters();
  return std::all_of(fixed.begin(), fixed.end(), [&](const auto& entry) {
    const auto p = space.find(entry.first);
    if (!p) return true;
    const auto value = study::fixed_value(space.parameters()[*p], entry.second);
    return value && !std::isnan(leader[*p]) && (!shared[*p] || *value == leader[*p]);
  });
}

std::optional<GroupPlace> group_place(const study::Trial& trial) {
  const nlohmann::json json = json_in(trial);
  if (!json.is_object()) return std::nullopt;
  const auto first = json.find("first"), member = json.find("member");
  if (first == json.end() || member == json.end() || !first->is_number_unsigned() ||
      !member->is_number_unsigned())
    return std::nullopt;
  const auto number = first->get<std::uint64_t>(), place = member->get<std::uint64_t>();
  if (number > UINT32_MAX || place == 0 || place > most_members) return std::nullopt;
  return GroupPlace{static_cast<std::uint32_t>(number), static_cast<std::size_t>(place)};
}

std::vector<std::uint32_t> group_members(const study::StudyLog& log, std::uint32_t first) {
  if (first >= log.trials.size()) return {};
  const nlohmann::json json = json_in(log.trials[first]);
  if (!json.is_object()) return {};
  const auto trials = json.find("trials");
  if (trials == json.end() || !trials->is_array() || trials->size() > most_members) return {};
  std::vector<std::uint32_t> numbers;
  for (const auto& number : *trials) {
    if (!number.is_number_unsigned() || number.get<std::uint64_t>() >= log.trials.size()) return {};
    numbers.push_back(number.get<std::uint32_t>());
    const auto place = group_place(log.trials[numbers.back()]);
    if (!place || place->first != first || place->member != numbers.size()) return {};
  }
  return numbers;
}

void write_group(study::Change& change, const std::vector<study::Run>& members) {
  if (members.size() == 1) return;
  std::vector<std::uint32_t> numbers;
  numbers.reserve(members.size());
  for (const study::Run& run : members) numbers.push_back(run.number);
  for (std::size_t m = 0; m < members.size(); ++m) {
    std::string json = fmt::format("{{\"first\":{},\"member\":{}", numbers[0], m + 1);
    if (m == 0) json += fmt::format(",\"trials\":[{}]", fmt::join(numbers, ","));
    change.attribute(members[m], true, attribute, json + "}");
  }
}

void leave_group(study::Change& change, const study::Run& run) {
  if (group_place(change.log().trials[run.number])) change.attribute(run, true, attribute, "null");
}

std::string folder_of(const std::string& folder, const study::Trial& trial) {
  const auto place = group_place(trial);
  return trial_folder(folder, place ? place->first : trial.number);
}

TrialEnded share_of(const TrialEnded& process, std::size_t members, const std::optional<MemberEnd>& said) {
  TrialEnded mine = process;
  if (members == 1) return mine;
  const auto share = static_cast<double>(members);
  mine.wall_s /= share;
  mine.user_s /= share;
  mine.system_s /= share;
  mine.last_number.reset();  // nobody knows whose it is
  if (!said) return mine;
  mine.temporary = false;
  mine.status = said->finished ? 0 : 1 << 8;
  mine.tail = said->reason;
  return mine;
}

}  // namespace nn::sweep
