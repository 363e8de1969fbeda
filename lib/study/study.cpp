#include "study/study.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "base/json_lines.hpp"
#include "base/text.hpp"
#include "study/study_state.hpp"

namespace nn::study {
namespace {

// Where a point is the same as one that failed, so often another one is asked for.
constexpr int most_proposals = 20;

// A set needs values that are equal to themselves.
search::Point ordered(search::Point point) {
  std::replace_if(
      point.begin(), point.end(), [](double v) { return std::isnan(v); }, -HUGE_VAL);
  return point;
}

std::optional<search::Proposal> untried(const Propose& propose, const search::Space& space,
                                        const search::History& history, const FailedPoints& failed,
                                        std::uint64_t so_far, std::uint64_t seed, std::uint32_t number) {
  RandomStream random(seed, RandomUse::propose, number);
  auto proposal = propose(space, history, so_far, random);
  for (int i = 0; i < most_proposals && proposal && failed.contains(ordered(proposal->point)); ++i) {
    proposal = propose(space, history, so_far, random);
  }
  return proposal;
}

bool is_in(const search::History& history, const search::Point& point) {
  const auto same = [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); };
  for (std::size_t t = 0; t < history.size(); ++t) {
    bool all = true;
    for (std::size_t p = 0; p < point.size() && all; ++p) all = same(history.parameters[p][t], point[p]);
    if (all) return true;
  }
  return false;
}

}  // namespace

std::uint64_t trial_seed(std::uint64_t study_seed, std::uint32_t number) {
  // Programs take it for a number of 31 bits; 0 is left for "none".
  RandomStream random(study_seed, RandomUse::split, number);
  return 1 + random.below((std::uint64_t{1} << 31) - 1);
}

void check_fixed(const search::Space& space, const std::map<std::string, std::string>& fixed) {
  for (const auto& [name, text] : fixed) {
    const auto p = space.find(name);
    if (!p) {
      std::vector<std::string> names;
      for (const search::Parameter& parameter : space.parameters()) names.push_back(parameter.name);
      const auto meant = closest(name, names);
      fail_usage("'{}' is no parameter of the study{}", printable(name),
                 meant ? fmt::format("; did you mean {}?", *meant) : "");
    }
    if (!fixed_value(space.parameters()[*p], text)) {
      fail_usage("{}: '{}' is none of its values: {}", name, printable(text),
                 to_string(space.parameters()[*p], space));
    }
  }
}

// In another program's study parameters may have names that are none here, and what is searched isn't known.
void Study::State::check_own_space() const {
  if (header) return;
  throw make_error(ErrorKind::usage,
                   "another program made the study '{}': which values may be tried isn't known",
                   printable(journal.replay().studies()[id].name))
      .within_file(journal.path())
      .advise("; go on with it with parameters and their ranges");
}

Study::Study(std::unique_ptr<State> state) : state_(std::move(state)) {}
Study::~Study() = default;
Study::Study(Study&&) noexcept = default;

const StudyLog& Study::log() const { return state_->journal.replay().studies()[state_->id]; }
const Header* Study::header() const { return state_->header ? &*state_->header : nullptr; }
const search::Space& Study::space() const { return state_->columns->space(); }
Journal& Study::journal() { return state_->journal; }

const search::History& Study::history() {
  state_->follow();
  return state_->columns->update(log(), state_->journal.replay().take_changes(log()));
}

std::vector<Objective> Study::objectives() const {
  std::vector<Objective> objectives;
  const auto names = log().objective_names();
  for (std::size_t o = 0; o < log().directions.size(); ++o) {
    const std::string number = log().directions.size() == 1 ? "value" : fmt::format("value_{}", o);
    objectives.push_back({names.empty() ? number : names[o], log().directions[o]});
  }
  return objectives;
}

std::vector<std::string> Study::take_notes() {
  auto notes = std::exchange(state_->notes, {});
  if (std::string dropped = state_->journal.take_dropped(); !dropped.empty())
    notes.push_back(std::move(dropped));
  const Replay& replay = state_->journal.replay();
  const auto& all = replay.notices();
  // Lines are what tells them apart: after all was read anew they come again.
  for (const Notice& notice : all) {
    if (notice.line > state_->told_line) notes.push_back(notice.text);
  }
  if (!all.empty()) state_->told_line = std::max(state_->told_line, all.back().line);
  if (replay.notice_count() > all.size() && !std::exchange(state_->told_more, true)) {
    notes.push_back(fmt::format("{}: there are more such lines", replay.name()));
  }
  return notes;
}

bool Study::refresh() { return state_->journal.refresh() && state_->look(); }

void Study::commit(Durable durable, const std::function<void(Change&)>& change) {
  const auto now = std::chrono::time_point_cast<Date::duration>(state_->how.patience.clock->date());
  try {
    state_->journal.append(durable, [&](Batch& batch) {
      state_->follow();
      Change made(batch, state_->identity, state_->id, space(), now);
      change(made);
    });
  } catch (...) {
    // What was not written must not be seen; where the file can't even be read, the first error is what
    // counts.
    try {
      state_->journal.refresh();
    } catch (const Error&) {
    }
    throw;
  }
  state_->look();
}

const FailedPoints& Study::State::failed_points() {
  const StudyLog& log = journal.replay().studies()[id];
  if (log.count(study::State::failed) == failed_count) return failed;
  failed.clear();
  failed_count = log.count(study::State::failed);
  for (const Trial& trial : log.trials) {
    if (trial.state != study::State::failed) continue;
    if (auto point = columns->point_of(trial)) failed.insert(ordered(std::move(*point)));
  }
  return failed;
}

Study::Question Study::question() {
  state_->check_own_space();
  Question question{history(), state_->failed_points()};
  question.so_far = log().proposed;
  question.seed = state_->seed();
  question.known = journal().replay().offset();
  question.number = static_cast<std::uint32_t>(log().trials.size());
  question.finished = log().finished();
  question.space = space();
  return question;
}

std::optional<search::Proposal> Study::answer(const Question& q, const Propose& propose) {
  return untried(propose, q.space, q.history, q.failed, q.so_far, q.seed, q.number);
}

std::optional<search::Proposal> Study::proposal_for(std::uint32_t number, const Propose& propose) {
  state_->check_own_space();
  const search::History& columns = history();
  return untried(propose, space(), columns, state_->failed_points(), log().proposed, state_->seed(), number);
}

bool Study::is_known(const search::Point& point) { return is_in(history(), point); }

std::optional<Asked> Study::next(Change& change, const Quota& quota, const ProposalFor& proposal_for,
                                 Start how, NoTrial* why) {
  const auto no = [&](NoTrial reason) {
    if (why) *why = reason;
    return std::nullopt;
  };
  while (change.has_room(quota)) {
    const Trial* waiting = change.first_waiting();
    const auto number = waiting ? waiting->number : static_cast<std::uint32_t>(change.log().trials.size());
    const bool is_given = waiting && waiting->fixed_parameters().size() >= space().size();
    Start start = how;
    if (start.known == 0) start.known = journal().replay().offset();
    const auto proposal = is_given ? std::nullopt : proposal_for(number);
    if (!is_given && !proposal) return no(NoTrial::exhausted);
    start.seed = waiting && waiting->seed != 0 ? waiting->seed : trial_seed(state_->seed(), number);
    Asked asked{};
    if (waiting) {
      start.parent = waiting->parent;
      const search::Point none(space().size(), std::nan(""));
      const auto run = change.start_waiting(number, proposal ? proposal->point : none, start);
      if (!run) continue;  // it couldn't be, and has failed
      asked = {*run, {}, true};
    } else {
      const std::string sampler(enum_names(proposal->by).name_of(proposal->by));
      start.sampler = sampler;
      asked = {change.start(proposal->point, start), {}, false};
    }
    asked.point = state_->columns->point_of(change.log().trials[asked.run.number]).value_or(search::Point());
    return asked;
  }
  return no(NoTrial::enough);
}

std::optional<Asked> Study::ask(const Quota& quota, const Propose& propose, Start how, NoTrial* why) {
  state_->check_own_space();
  // A proposal may take long: outside of the lock, for the number that comes next.
  refresh();
  const auto guess = static_cast<std::uint32_t>(log().trials.size());
  how.known = journal().replay().offset();
  auto early = proposal_for(guess, propose);
  std::optional<Asked> asked;
  commit(Durable::yes, [&](Change& change) {
    asked = next(
        change, quota,
        [&](std::uint32_t number) { return number == guess ? early : proposal_for(number, propose); }, how,
        why);
  });
  return asked;
}

void Study::rename_worker(const std::string& worker) {
  state_->how.worker = worker;
  state_->identity.worker = std::string(worker_prefix) + worker;
}

std::vector<Run> Study::lost(Observer& observer, Date now) const {
  std::vector<Run> lost;
  std::map<std::string_view, bool> dead;
  const std::string_view me = std::string_view(state_->identity.worker).substr(worker_prefix.size());
  for (const std::uint32_t number : log().running) {
    const Trial& trial = log().trials[number];
    if (trial.attempt == 0 || trial.paused || trial.owner.empty() || trial.owner == me) continue;
    bool is_dead;
    if (trial.ttl_s > 0) {
      const auto alive = is_process_alive(trial.owner);
      is_dead = alive ? !*alive : seconds_between(trial.last_sign, now) > trial.ttl_s;
    } else {
      const auto [known, is_new] = dead.try_emplace(trial.owner, false);
      if (is_new) known->second = observer.is_dead(trial.owner);
      is_dead = known->second;
    }
    if (is_dead) lost.push_back({number, trial.attempt});
  }
  return lost;
}

}  // namespace nn::study
