#include "sweep/breeding.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sweep/plan.hpp"

namespace nn::sweep {
namespace {

// A generation that others may go on from.
bool is_scored(const study::Trial& trial) {
  return trial.state == study::State::complete && checkpoint_at_budget(trial) != nullptr &&
         trial.has_finite_values();
}

}  // namespace

Breeding::Breeding(const FidelityOf& of)
    : spec_(of.spec),
      space_(of.space),
      seed_(of.seed),
      sign_(of.direction == study::Direction::maximize ? -1 : 1),
      interval_(static_cast<double>(of.spec.interval)),
      most_(static_cast<double>(of.spec.most)) {}

double Breeding::budget_after(double budget) const {
  return most_ > 0 ? std::min(most_, budget + interval_) : budget + interval_;
}

void Breeding::update(const study::StudyLog& log) {
  log_ = &log;
  for (; known_ < log.trials.size(); ++known_) open_.push_back(static_cast<std::uint32_t>(known_));
  runs_from_.assign(log.trials.size(), 0);
  std::erase_if(open_, [&](std::uint32_t number) {
    const study::Trial& t = log.trials[number];
    if (!t.is_finished() && t.parent >= 0 && t.parent < static_cast<std::int64_t>(number))
      ++runs_from_[static_cast<std::size_t>(t.parent)];
    const std::int64_t m = member_of(t);
    if (m >= 0 && m < search::PrunerSpec::most_members) {
      if (static_cast<std::size_t>(m) >= members_.size()) members_.resize(static_cast<std::size_t>(m) + 1);
      Member& member = members_[static_cast<std::size_t>(m)];
      if (!member.latest || number > *member.latest) member.latest = number;
      if (is_scored(t) && (!member.scored || number > *member.scored)) member.scored = number;
    }
    return t.is_finished();
  });
}

std::vector<search::Member> Breeding::scores(study::Date at) const {
  std::vector<search::Member> all(members_.size());
  for (std::size_t m = 0; m < members_.size(); ++m) {
    std::optional<std::uint32_t> scored = members_[m].scored;
    while (scored && trial(*scored).end > at) scored = generation_before(trial(*scored));
    if (scored) all[m] = {*scored, sign_ * trial(*scored).values[0]};
  }
  return all;
}

// The member's last scored generation before this one; it is the parent, or the one whose place a clone took.
std::optional<std::uint32_t> Breeding::generation_before(const study::Trial& t) const {
  const std::int64_t member = member_of(t);
  for (std::uint32_t number = t.number; number-- > 0;) {
    if (member_of(trial(number)) == member && is_scored(trial(number))) return number;
  }
  return std::nullopt;
}

RandomStream Breeding::random_for_next() const { return {seed_, RandomUse::propose, log_->trials.size()}; }

Stage Breeding::going_on(std::size_t member) const {
  const study::Trial& from = trial(*members_[member].scored);
  Stage stage;
  stage.is = Stage::Is::next;
  stage.budget = budget_after(from.budget);
  stage.from = {from.number, from.attempt};
  stage.point = point_of(*space_, from);
  stage.seed = from.seed;
  stage.member = static_cast<std::int64_t>(member);
  return stage;
}

std::optional<Stage> Breeding::clone(std::size_t member, std::size_t of, RandomStream& random) const {
  Stage stage = going_on(of);
  if (is_last(trial(stage.from.number).budget)) return std::nullopt;
  if (const auto point = search::explored(*space_, stage.point, spec_.resample, random)) stage.point = *point;
  stage.seed = 0;
  stage.member = static_cast<std::int64_t>(member);
  return stage;
}

// What a member does next whose latest generation has ended.
std::optional<Stage> Breeding::generation(std::size_t member, const IsThere& is_there) const {
  const Member& own = members_[member];
  const auto is_here = [&](const Stage& stage) { return is_there(trial(stage.from.number)); };
  const auto scored = scores();
  RandomStream random = random_for_next();
  if (own.scored == own.latest) {
    const search::Standing standing = search::exploited(scored, member, spec_.quantile, random);
    if (standing.copied) {
      auto stage = clone(member, *standing.copied, random);
      if (stage && is_here(*stage)) return stage;
    }
    Stage stage = going_on(member);
    return is_here(stage) ? std::optional(stage) : std::nullopt;
  }
  // It failed, or ended by itself.
  const auto heir = search::successor(scored, member, spec_.quantile, random);
  auto stage = heir ? clone(member, *heir, random) : std::nullopt;
  if (stage && !is_here(*stage)) return std::nullopt;
  if (stage) return stage;
  Stage anew;
  anew.member = static_cast<std::int64_t>(member);
  anew.budget = interval_;
  return anew;
}

std::optional<Stage> Breeding::next(const IsThere& is_there, bool may_begin) {
  if (!may_begin) return std::nullopt;
  // Who is furthest behind comes first: members take turns where they are more than slots.
  std::vector<std::size_t> ready;
  bool is_any_done = false;
  for (std::size_t m = 0; m < members_.size(); ++m) {
    const Member& member = members_[m];
    if (!member.latest) continue;
    const study::Trial& latest = trial(*member.latest);
    if (latest.state == study::State::complete && is_last(latest.budget)) {
      is_any_done = true;
    } else if (latest.is_finished()) {
      ready.push_back(m);
    }
  }
  std::stable_sort(ready.begin(), ready.end(), [&](std::size_t a, std::size_t b) {
    return trial(*members_[a].latest).budget < trial(*members_[b].latest).budget;
  });
  const bool may_grow = spec_.members > 0 ? members_.size() < static_cast<std::size_t>(spec_.members)
                                          : ready.empty() && !is_any_done;
  if (may_grow) {
    Stage first;
    first.member = static_cast<std::int64_t>(members_.size());
    first.budget = interval_;
    return first;
  }
  for (const std::size_t member : ready) {
    if (auto stage = generation(member, is_there)) return stage;
  }
  return std::nullopt;
}

bool Breeding::is_done() const {
  if (most_ <= 0 || members_.empty() || members_.size() < static_cast<std::size_t>(spec_.members))
    return false;
  return std::all_of(members_.begin(), members_.end(), [&](const Member& member) {
    if (!member.latest) return false;
    const study::Trial& latest = trial(*member.latest);
    return latest.state == study::State::complete && is_last(latest.budget);
  });
}

bool Breeding::needs(std::uint32_t number) const {
  const study::Trial& t = trial(number);
  if (!t.is_finished() || runs_from_[number] > 0) return true;
  const std::int64_t member = member_of(t);
  if (member < 0 || is_done()) return false;
  return members_[static_cast<std::size_t>(member)].scored == number;
}

std::string Breeding::explain(std::uint32_t number) const {
  const study::Trial& t = trial(number);
  const std::int64_t member = member_of(t);
  if (member < 0) return "it is in no population\n";
  std::string out = fmt::format("member {}, up to step {}\n", member, t.budget);
  const auto index = static_cast<std::size_t>(member);
  const auto standing_at = [&](study::Date at, const study::Trial& of) {
    RandomStream random(0, RandomUse::propose);
    const auto standing = search::exploited(scores(at), index, spec_.quantile, random);
    std::string said = to_string(standing, of.values[0], static_cast<std::int64_t>(of.budget));
    // A population of two or three has no quantile.
    return standing.quantile == 0 ? fmt::format("{} is number {} of {} at step {}", of.values[0],
                                                standing.place, standing.count, of.budget)
                                  : said;
  };
  const auto before = generation_before(t);
  if (t.parent < 0) {
    out += "began anew, with what the sampler proposed\n";
  } else if (before && static_cast<std::int64_t>(*before) == t.parent) {
    out += fmt::format("goes on from trial {}: {}\n", t.parent, standing_at(t.start, trial(*before)));
  } else {
    const study::Trial& source = trial(static_cast<std::uint32_t>(t.parent));
    out += before ? fmt::format("took the place of trial {}: {}\n", *before,
                                standing_at(t.start, trial(*before)))
                  : "took the place of one that failed or ended by itself\n";
    out += fmt::format("a copy of trial {}, which had {} at step {}", source.number,
                       source.values.empty() ? std::nan("") : source.values[0], source.budget);
    for (const study::TrialParameter& p : t.parameters) {
      const study::TrialParameter* was = source.find(p.what->name);
      if (was == nullptr || was->text() != p.text())
        out += fmt::format("; {} {} -> {}", p.what->name, was == nullptr ? "none" : was->text(), p.text());
    }
    out += '\n';
  }
  if (members_[index].scored == number) out += fmt::format("now {}\n", standing_at(study::Date::max(), t));
  return out;
}

}  // namespace nn::sweep
