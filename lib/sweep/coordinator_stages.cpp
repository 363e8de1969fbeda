// What a coordinator does with trials that go on in stages (fidelity.hpp).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "base/error.hpp"
#include "base/json_lines.hpp"
#include "sweep/checkpoints.hpp"
#include "sweep/coordinator_round.hpp"

namespace nn::sweep {
namespace {

// How long a host may take that has the checkpoints of what is to go on.
constexpr std::chrono::seconds host_patience{60};

}  // namespace

// What was decided in a commit that was never written counts for nothing, nor what was read before all was
// read anew.
void Coordinator::follow_stages() {
  if (!has_stages(plan_.pruner)) return;
  const std::uint64_t generation = study_.journal().generation();
  if (!fidelity_ || stages_open_ || generation != stages_generation_) {
    const study::Header* header = study_.header();
    fidelity_ = make_fidelity({plan_.pruner, study_.log().directions[0], &study_.space(),
                               header == nullptr ? plan_.sampler.seed : header->seed});
  }
  stages_generation_ = generation;
  fidelity_->update(study_.log());
}

// A trial's command has ended well: it has come to its budget, and is paused or complete, or it ended by
// itself.
study::Outcome Coordinator::end_stage(study::Change& change, const Ended& e) {
  const study::Trial& trial = change.log().trials[e.run.number];
  Reached reached{.has_steps = e.has_steps};
  if (!trial.reports.empty()) {
    reached.first = trial.reports.front().step;
    reached.last = trial.reports.back().step;
  }
  const double budget = trial.budget;
  if (!reaches(budget, reached)) return change.end(e.run, e.state, e.values, e.ending);
  if (!e.has_steps) change.report(e.run, static_cast<std::int64_t>(budget), e.values[0]);
  if (e.left) {
    study::Checkpoint checkpoint = *e.left;
    checkpoint.budget = budget;
    checkpoint.value = e.values[0];
    change.checkpoint(e.run, checkpoint);
  } else if (fidelity_->needs_checkpoint(trial)) {
    study::Ending ending = e.ending;
    ending.reason = fmt::format("it came to step {} and left no checkpoint to go on from, {}", budget,
                                trial_folder(plan_.folder, trial.number) + "/checkpoint");
    return change.end(e.run, study::State::failed, {}, ending);
  }
  return fidelity_->waits(trial) ? change.pause(e.run) : change.end(e.run, e.state, e.values, e.ending);
}

study::Outcome Coordinator::end(study::Change& change, const Ended& e) {
  const bool is_stage =
      fidelity_ && e.state == study::State::complete &&
      std::all_of(e.values.begin(), e.values.end(), [](double v) { return !std::isnan(v); });
  if (is_stage) {
    const study::Trial& trial = change.log().trials[e.run.number];
    const bool is_ours =
        trial.state == study::State::running && trial.attempt == e.run.attempt && !trial.paused;
    if (is_ours) return end_stage(change, e);
  }
  return change.end(e.run, e.state, e.values, e.ending);
}

std::optional<study::Asked> Coordinator::next_stage(study::Change& change, Round& round, const Place& place) {
  fidelity_->update(change.log());
  const study::Quota quota{plan_.trials};
  const bool may_begin = !nothing_left_ && !round.exhausted && change.has_room(quota);
  const auto stage =
      fidelity_->next([&](const study::Trial& trial) { return is_there(trial, place.slot.host); }, may_begin);
  if (!stage) return std::nullopt;
  const std::string slot = place.slot.name();
  study::Start how;
  how.slot = slot;
  how.budget = stage->budget;
  const auto number = static_cast<std::uint32_t>(change.log().trials.size());
  if (stage->is == Stage::Is::promoted) {
    const auto run = change.next_attempt(stage->from, "promoted", how);
    if (!run) return std::nullopt;
    return study::Asked{*run, point_of(study_.space(), change.log().trials[run->number]), false};
  }
  std::optional<study::Asked> asked;
  if (stage->is == Stage::Is::next) {
    how.parent = stage->from.number;
    how.seed = stage->seed;
    if (how.seed == 0) {
      const study::Header* header = study_.header();
      how.seed = study::trial_seed(header == nullptr ? plan_.sampler.seed : header->seed, number);
    }
    asked = study::Asked{change.start(stage->point, how), stage->point, false};
  } else {
    const study::Trial* waiting = change.first_waiting();
    if (std::isnan(how.budget))
      how.budget = fidelity_->first_budget(waiting != nullptr ? waiting->number : number);
    asked = propose_for(change, round, how);
  }
  if (asked && stage->member >= 0)
    change.attribute(asked->run, true, member_attribute, std::to_string(stage->member));
  return asked;
}

// Hosts whose agents find this run's own file have the folders of trials in common.
void Coordinator::ask_hosts(const std::vector<Slot>& slots) {
  if (!has_stages(plan_.pruner)) return;
  std::set<std::string> hosts;
  for (const Slot& slot : slots) {
    if (!slot.host.empty() && hosts.insert(slot.host).second) executor_.find(slot.host, {presence_.path()});
  }
}

bool Coordinator::is_there(const study::Trial& trial, const std::string& host) const {
  if (host_of(trial.slot) == host) return true;
  const bool shares = host.empty() || sharing_.contains(host);
  return shares && !trial.checkpoints.empty() && is_at_hand(trial.checkpoints.back());
}

// Whether something may go on, of which no slot here has the checkpoint. Its host may come, or others may do
// it.
bool Coordinator::waits_for_hosts(bool may_begin) {
  const auto stage = fidelity_->next([](const study::Trial&) { return true; }, may_begin);
  if (!stage || stage->is == Stage::Is::fresh) {
    waits_since_.reset();
    return false;
  }
  const auto now = clock_.now();
  if (!waits_since_) {
    waits_since_ = now;
    const study::Trial& trial = trial_of(stage->from.number);
    observation_.said(fmt::format("trial {} waits for a slot on {}, where its checkpoint is", trial.number,
                                  host_of(trial.slot).empty() ? "this host" : host_of(trial.slot)));
  }
  return now - *waits_since_ < host_patience;
}

// Trials that nobody can promote any more, where nothing runs, here or elsewhere, and no new one may begin.
void Coordinator::settle(study::Change& change, Round& round) {
  if (!fidelity_) return;
  if (!running_.empty() || !round.begun.empty() || !round.retries.empty()) return waits_since_.reset();
  const bool may_begin = !nothing_left_ && !round.exhausted && change.has_room({plan_.trials});
  const study::StudyLog& log = change.log();
  const bool some_run = std::any_of(log.running.begin(), log.running.end(), [&](std::uint32_t number) {
    return log.trials[number].attempt > 0 && !log.trials[number].paused;
  });
  if (some_run) return;
  fidelity_->update(log);
  if (waits_for_hosts(may_begin)) return;
  if (may_begin) {
    if (!waits_since_) return;
    const Error error =
        make_error(ErrorKind::unavailable, "what is to go on has its checkpoints on other hosts");
    round.verdict = Verdict{error.what(), error};
    return;
  }
  for (const Leftover& leftover : fidelity_->leftovers()) {
    study::Ending ending;
    ending.reason = leftover.reason;
    if (change.end(leftover.run, study::State::pruned, {}, ending) == study::Outcome::done)
      round.settled.push_back(leftover.run.number);
  }
}

// The checkpoint that a trial which begins goes on from: its own, as it was recorded, or its parent's.
void Coordinator::prepare_stage(const study::Trial& trial, bool again, StartTrial& start) const {
  if (!fidelity_) return;
  if (!trial.checkpoints.empty()) {
    if (!again) start.from = trial.checkpoints.back();
    return;
  }
  if (trial.parent < 0 || member_of(trial) < 0) return;
  const study::Checkpoint* parents = checkpoint_at_budget(trial_of(static_cast<std::uint32_t>(trial.parent)));
  if (parents != nullptr) start.from = *parents;
  start.keep_own = again;
}

// Checkpoints of trials that nobody goes on from any more, on this host.
void Coordinator::remove_checkpoints() {
  if (!fidelity_ || plan_.keep_checkpoints == KeepCheckpoints::all) return;
  fidelity_->update(study_.log());
  const study::StudyLog& log = study_.log();
  for (; checkpoints_seen_ < log.trials.size(); ++checkpoints_seen_)
    checkpoints_.push_back(static_cast<std::uint32_t>(checkpoints_seen_));
  const study::Trial* best = plan_.keep_checkpoints == KeepCheckpoints::best ? log.best() : nullptr;
  std::erase_if(checkpoints_, [&](std::uint32_t number) {
    const study::Trial& trial = log.trials[number];
    if (!trial.is_finished() || &trial == best || fidelity_->needs(number)) return false;
    std::error_code ignored;
    if (!trial.checkpoints.empty() && host_of(trial.slot).empty())
      std::filesystem::remove(trial_folder(plan_.folder, number) + "/checkpoint", ignored);
    return true;
  });
}

}  // namespace nn::sweep
