// What a coordinator does to its study: all that has come since, and what begins next, in one commit.
#include "sweep/coordinator_round.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.hpp"
#include "options/fields.hpp"

namespace nn::sweep {
namespace {

using namespace std::chrono_literals;

constexpr auto disk_pause = 5s;  // between tries to write where the disk is full
// Of the time that trials take which a slot has before the one there ends, and how many they are at most.
constexpr double time_ahead_s = 0.02;
constexpr int most_ahead = 8;
constexpr std::size_t trials_to_know = 10;  // that have ended before it is known how long they take
constexpr std::size_t least_failures = 5;
constexpr std::size_t least_of_all = 3;  // that fail before anything went well

}  // namespace

// Where slots have enough to do, ends wait a little for others, to be written with them.
bool Coordinator::is_round_due() const {
  const auto now = clock_.now();
  if (disk_retry_ && now < *disk_retry_) return false;
  if ((ends_due_ && now >= *ends_due_) || (reports_due_ && now >= *reports_due_)) return true;
  if (draining_) return !ends_.empty();
  const std::size_t ahead = trials_ahead(tally_);
  return (!ends_.empty() && ahead == 0) ||
         std::any_of(places_.begin(), places_.end(), [&](const Place& place) {
           return place.is_free() || (place.is_open() && 2 * place.queue.size() < ahead);
         });
}

// How many trials a slot gets before the one there has ended: where trials are short, so that none waits
// behind a long one, and there are enough to come that no other slot has to go without.
std::size_t Coordinator::trials_ahead(const Tally& tally) const {
  const double mean_s = tally.mean_s();
  if (fidelity_ || group_ || tally.finished + tally.failed < trials_to_know || mean_s > time_ahead_s)
    return 0;
  const auto ahead = static_cast<std::size_t>(time_ahead_s / std::max(mean_s, time_ahead_s / most_ahead));
  const study::StudyLog& log = study_.log();
  const std::size_t begun = log.finished() + log.count(study::State::running);
  return begun + 2 * ahead * places_.size() < plan_.trials ? ahead : 0;
}

void Coordinator::round() {
  if (!is_round_due()) {
    if (auto verdict = draining_ ? std::nullopt : judge(tally_)) give_up(std::move(*verdict));
    return;
  }
  Round round;
  try {
    study_.commit(study::Durable::yes, [&](study::Change& change) {
      round = Round{tally_, retries_};
      follow_stages();
      stages_open_ = true;
      write(change, round);
      if (!draining_ && !round.verdict) round.verdict = judge(round.tally);
      if (!draining_ && !round.verdict) begin(change, round);
      if (!draining_ && !round.verdict) settle(change, round);
    });
    stages_open_ = false;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::io && error.kind() != ErrorKind::unavailable) throw;
    if (!disk_retry_) {
      observation_.said(fmt::format("{}; no trial begins until it can be written", error.what()));
    }
    disk_retry_ = clock_.now() + disk_pause;
    return;
  }
  disk_retry_.reset();
  retries_ = std::move(round.retries);
  for (const Begun& begun : round.begun) {
    begun.others.empty() ? launch(begun.asked, begun.place, begun.again) : launch_group(begun);
  }
  prune();
  tell(round);
  if (round.verdict) give_up(std::move(*round.verdict));
  remove_checkpoints();
  if (!draining_) proposer_.look_ahead();
}

void Coordinator::write(study::Change& change, Round& round) {
  for (const Reported& r : reports_)
    round.reported.push_back(change.report(r.run, r.step, r.value, r.elapsed_s, r.metrics));
  for (const Ended& e : ends_) {
    for (const auto& [name, by] : e.constraints) change.constraint(e.run, name, by);
    round.outcomes.push_back(end(change, e));
    round.is_best.push_back(false);
    if (round.outcomes.back() != study::Outcome::done) continue;
    const study::Trial& trial = change.log().trials[e.run.number];
    if (!std::isnan(e.ending.wall_s)) round.tally.wall_s += e.ending.wall_s;
    if (trial.paused) {
      ++round.tally.paused;
      continue;
    }
    const bool has_failed = trial.state == study::State::failed;
    round.is_best.back() = change.log().best() == &trial;
    (has_failed ? round.tally.failed : round.tally.finished) += 1;
    round.tally.since_better = round.is_best.back() ? 0 : round.tally.since_better + 1;
    if (has_failed && plan_.fail_fast && !round.verdict) {
      const Error error =
          make_error(ErrorKind::data, "trial {} failed: {}", trial.number, trial.ending.reason);
      round.verdict = Verdict{error.what(), error};
    }
  }
}

void Coordinator::begin(study::Change& change, Round& round) {
  const std::size_t ahead = trials_ahead(round.tally);
  // Each slot gets its first one, then each its second.
  for (std::size_t behind = 0; behind <= ahead; ++behind) {
    for (std::size_t p = 0; p < places_.size(); ++p) {
      const Place& place = places_[p];
      const std::size_t has = place.trial ? 1 + place.queue.size() : 0;
      if (!place.is_open() || has > behind) continue;
      if (group_) {
        if (!begin_group(change, round, p)) return;
        continue;
      }
      bool again = false;
      auto asked = next_for(change, round, place, again);
      if (!asked && fidelity_) continue;  // there may be something for another host
      if (!asked) return;
      round.begun.push_back({std::move(*asked), p, again});
    }
  }
}

std::optional<study::Asked> Coordinator::next_for(study::Change& change, Round& round, const Place& place,
                                                  bool& again) {
  const std::string slot = place.slot.name();
  study::Start how;
  how.slot = slot;
  while (const auto retry = round.retries.take(clock_.now())) {
    const auto run = change.next_attempt(retry->run, retry->reason, how);
    if (!run) continue;  // somebody else has it
    again = true;
    leave_group(change, *run);
    return study::Asked{*run, point_of(study_.space(), change.log().trials[run->number]), false};
  }
  if (fidelity_) return next_stage(change, round, place);
  how.budget = whole_budget(plan_.pruner);
  return propose_for(change, round, how);
}

std::optional<study::Asked> Coordinator::propose_for(study::Change& change, Round& round,
                                                     const study::Start& how) {
  if (nothing_left_ || round.exhausted) return std::nullopt;
  study::NoTrial why{};
  auto asked = study_.next(
      change, {plan_.trials},
      [&](std::uint32_t number) { return proposer_.next(number, round.tally.mean_s()); }, how, &why);
  round.exhausted = !asked && why == study::NoTrial::exhausted && !proposer_.is_waiting();
  return asked;
}

void Coordinator::tell_end(const Ended& ended, study::Outcome outcome, bool is_best) {
  const study::Trial& trial = trial_of(ended.run.number);
  if (outcome != study::Outcome::done) {
    observation_.said(fmt::format("trial {}: what became of attempt {} doesn't count: another run has it",
                                  ended.run.number, ended.run.attempt));
  } else if (trial.is_finished()) {
    observation_.ended(trial, is_best);
    if (trial.state == study::State::failed) observation_.failed(trial, ended.tail);
  } else if (ended.state == study::State::complete) {
    observation_.paused(trial);
  }
}

// What was written is so, and people hear of it.
void Coordinator::tell(const Round& round) {
  tally_ = round.tally;
  reports_due_.reset();
  ends_due_.reset();
  const auto reports = std::exchange(reports_, {});
  for (std::size_t i = 0; i < reports.size(); ++i) {
    const Reported& r = reports[i];
    if (round.reported[i] != study::Outcome::done) continue;
    observation_.reported(trial_of(r.run.number), {r.step, r.value, r.elapsed_s, 0, 0}, r.metrics);
  }
  const auto ends = std::exchange(ends_, {});
  for (std::size_t i = 0; i < ends.size(); ++i) tell_end(ends[i], round.outcomes[i], round.is_best[i]);
  for (const std::uint32_t number : round.settled) observation_.ended(trial_of(number), false);
  if (!round.exhausted || std::exchange(nothing_left_, true)) return;
  if (study_.log().trials.empty())
    return give_up(make_error(ErrorKind::usage, "no point of the space may be tried: all are forbidden"));
  observation_.said("all points of the space are tried, or being tried");
}

// Whether no more trials may begin.
std::optional<Coordinator::Verdict> Coordinator::judge(const Tally& tally) const {
  const auto because = [](const Error& error) { return Verdict{error.what(), error}; };
  const study::StudyLog& log = study_.log();
  const std::size_t allowed =
      plan_.most_failures ? *plan_.most_failures
      : plan_.trials == SIZE_MAX
          ? SIZE_MAX
          : std::max(least_failures * std::max<std::size_t>(plan_.members, 1), plan_.trials / 5);
  if (tally.failed > allowed) {
    return because(
        make_error(ErrorKind::data, "{} trials failed", tally.failed).advise("; --max-failures allows more"));
  }
  if (tally.failed >= std::max(least_of_all, places_.size()) && log.finished() + tally.paused == 0)
    return because(
        make_error(ErrorKind::data, "all of the first {} trials failed", tally.failed)
            .advise("{}", group_ ? "; --shared names parameters of which the command takes no list" : ""));
  if (const study::Trial* best = plan_.target ? log.best() : nullptr; best != nullptr) {
    const bool more = log.directions[0] == study::Direction::maximize;
    if (more ? best->values[0] >= *plan_.target : best->values[0] <= *plan_.target)
      return Verdict{fmt::format("trial {} reached the target", best->number), {}};
  }
  if (plan_.patience > 0 && tally.since_better >= plan_.patience)
    return Verdict{fmt::format("{} trials brought nothing better", tally.since_better), {}};
  const double ran = std::chrono::duration<double>(clock_.now() - started_).count();
  if (plan_.stop_after_s > 0 && ran >= plan_.stop_after_s)
    return Verdict{options::show_seconds(plan_.stop_after_s) + " are over", {}};
  const bool usable = std::any_of(places_.begin(), places_.end(), [](const Place& p) { return p.usable; });
  if (!places_.empty() && !usable) return because(make_error(ErrorKind::unavailable, "no slot is left"));
  return std::nullopt;
}

void Coordinator::give_up(const Error& error) { give_up(Verdict{error.what(), error}); }

void Coordinator::give_up(Verdict verdict) {
  if (verdict.error && !error_) error_ = std::move(verdict.error);
  drain(std::move(verdict.reason));
}

}  // namespace nn::sweep
