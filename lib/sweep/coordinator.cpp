#include "sweep/coordinator.hpp"

#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <utility>

#include "base/error.hpp"
#include "base/json_lines.hpp"
#include "options/fields.hpp"
#include "process/child.hpp"
#include "sweep/fence.hpp"
#include "sweep/lost.hpp"

namespace nn::sweep {
namespace {

using namespace std::chrono_literals;

constexpr auto report_delay = 50ms;  // reports that come meanwhile are written together
constexpr auto calm_delay = 1s;      // the same where no decision waits for them
constexpr auto end_delay = 5ms;      // the same of ends, where no slot waits for that
constexpr auto rejoin_pause = 5s;    // between tries, where the disk doesn't answer
constexpr auto look_pause = 5s;      // between looks at what others do
constexpr auto idle_pause = 500ms;   // the same where a slot has nothing to do
constexpr int failures_of_slot = 3;  // one after the other, while others' trials go well

}  // namespace

Coordinator::Coordinator(study::Study& study, study::Presence& presence, study::Observer& others,
                         const Plan& plan, study::Propose propose, Executor& executor, Clock& clock,
                         Observation& observation, std::function<void()> ready)
    : study_(study),
      presence_(presence),
      others_(others),
      plan_(plan),
      group_(plan.members > 0 ? std::optional<GroupProposer>(std::in_place, propose, plan.shared,
                                                             plan.sampler.allow_duplicates)
                              : std::nullopt),
      // Members are proposed one behind the other, each knowing of those before: at once.
      proposer_(study, group_ ? group_->propose() : std::move(propose), clock,
                group_ ? std::function<void()>() : std::move(ready)),
      pruning_(plan.pruner, study.log().directions),
      executor_(executor),
      clock_(clock),
      observation_(observation),
      started_(clock.now()),
      beat_due_(started_ + presence.beat_pause()),
      look_due_(started_) {}

study::Date Coordinator::date() const {
  return std::chrono::time_point_cast<std::chrono::microseconds>(clock_.date());
}

void Coordinator::add_slots(std::vector<Slot> slots, bool wanted) {
  ask_hosts(slots);
  for (Slot& slot : slots) {
    const auto known =
        std::find_if(places_.begin(), places_.end(), [&](const Place& place) { return place.slot == slot; });
    const bool is_new = known == places_.end();
    Place& place = is_new ? places_.emplace_back() : *known;
    if (wanted) place.drained = false;
    if (!is_new && place.present) continue;
    place.slot = std::move(slot);
    place.present = true;
    place.since = clock_.now();
  }
}

std::size_t Coordinator::host_lost(const std::string& host, const std::string& why) {
  std::size_t lost = 0;
  for (Place& place : places_) {
    if (place.slot.host != host || !place.present) continue;
    leave_place(place);
    if (place.trial) place.busy_s += seconds_since(began(*place.trial));
    auto trials = std::exchange(place.queue, {});
    if (place.trial) trials.push_front(*std::exchange(place.trial, std::nullopt));
    for (const std::uint32_t trial : trials) {
      if (groups_.contains(trial)) {
        lost += group_lost(trial, host, why);
        continue;
      }
      const auto found = running_.find(trial);
      note_lost(found->second.run, host, why);
      running_.erase(found);
      ++lost;
    }
  }
  return lost;
}

void Coordinator::leave_place(Place& place) const {
  if (!std::exchange(place.present, false)) return;
  place.present_s += seconds_since(place.since);
  place.since = clock_.now();
}

Clock::time_point Coordinator::began(std::uint32_t process) const {
  const auto group = groups_.find(process);
  return group != groups_.end() ? group->second.started : running_.at(process).started;
}

void Coordinator::note_lost(const study::Run& run, const std::string& host, const std::string& why) {
  if (stopping_) return;
  retries_.add(run, "lost: " + why, clock_.now() + Fence::longest(presence_.lease()));
  lost_[host].push_back(run);
}

void Coordinator::host_is_clear(const std::string& host) {
  for (const study::Run& run : std::exchange(lost_[host], {})) retries_.hasten(run);
}

double Coordinator::seconds_since(Clock::time_point time) const {
  return std::chrono::duration<double>(clock_.now() - time).count();
}

void Coordinator::take(const std::string& host, const FromAgent& message) {
  const auto is_group = [&](std::uint32_t process) {
    const auto found = groups_.find(process);
    return found != groups_.end() && places_[found->second.slot].slot.host == host;
  };
  if (presence_.must_stop()) lose_trials();  // what agents then ended by themselves has not failed
  const auto is_ours = [&](std::uint32_t number) {
    const auto found = running_.find(number);
    return found != running_.end() && places_[found->second.slot].slot.host == host;
  };
  if (const auto* said = std::get_if<TrialReport>(&message)) {
    if (is_group(said->trial)) return group_reported(said->trial, said->report);
    if (is_ours(said->trial)) report(said->trial, said->report);
  } else if (const auto* over = std::get_if<TrialEnded>(&message)) {
    if (is_group(over->trial)) return group_ended(over->trial, *over);
    if (is_ours(over->trial)) ended(*over);
  } else if (const auto* file = std::get_if<FileFound>(&message)) {
    if (file->found) sharing_.insert(host);
  }
}

void Coordinator::report(std::uint32_t number, const Report& report) {
  Running& trial = running_.at(number);
  const std::int64_t step = report.step.value_or(trial.said.reports);
  const auto value = trial.said.take(report, plan_.objectives[0]);
  if (!value) return;
  reports_.push_back({trial.run, step, *value,
                      std::chrono::duration<double>(clock_.now() - trial.started).count(),
                      json_of(report.metrics, plan_.objectives[0].name)});
  if (!reports_due_) reports_due_ = clock_.now() + (pruning_.is_on() ? report_delay : calm_delay);
}

void Coordinator::ended(const TrialEnded& message) {
  const auto found = running_.find(message.trial);
  Running trial = std::move(found->second);
  running_.erase(found);
  leave(trial);
  Place& place = places_[trial.slot];
  if (trial.ending == Running::End::stopped) return leave_stopped(trial);
  if (is_worth_retry(trial, message)) return;
  Ended end = end_of(trial, message);
  if (message.lost_checkpoint && trial.run.attempt > 1) end.state = study::State::pruned;
  const bool failed = end.state == study::State::failed;
  note_slot(place, failed && !message.lost_checkpoint);
  ends_.push_back(std::move(end));
  if (!ends_due_) ends_due_ = clock_.now() + end_delay;
  if (failed && !message.status && !message.lost_checkpoint) {
    // A command that can't be started now won't be for the next trial either.
    give_up(make_error(ErrorKind::usage, "{}", message.error));
  }
}

Ended Coordinator::end_of(const Running& trial, const TrialEnded& message) const {
  if (trial.ending == Running::End::none) return outcome_of(plan_, trial.run, trial.said, message);
  const bool is_pruned = trial.ending == Running::End::pruned;
  return outcome_of(plan_, trial.run, trial.said, message,
                    is_pruned ? study::State::pruned : study::State::failed, trial.reason);
}

// Its slot is the next one's.
void Coordinator::leave(const Running& trial) {
  const auto now = clock_.now();
  Place& place = places_[trial.slot];
  if (place.trial != trial.run.number) {
    std::erase(place.queue, trial.run.number);
    return;
  }
  place.busy_s += seconds_since(trial.started);
  place.trial.reset();
  if (place.queue.empty()) return;
  place.trial = place.queue.front();
  place.queue.pop_front();
  running_.at(*place.trial).started = now;
}

bool Coordinator::is_worth_retry(const Running& trial, const TrialEnded& message) {
  const bool temporary = message.temporary || (message.status && WIFEXITED(*message.status) &&
                                               WEXITSTATUS(*message.status) == exit_unavailable);
  if (!temporary || trial.ending != Running::End::none) return false;
  const std::string why = message.temporary ? message.error : "it ended with exit status 75";
  const auto pause = retries_.add_later(trial.run, message.temporary ? message.error : "exit 75",
                                        clock_.now(), plan_.retries);
  if (!pause) return false;
  observation_.said(fmt::format("trial {} could not go on for now ({}); again in {} s, try {} of {}",
                                trial.run.number, why, pause->count(), retries_.count(trial.run.number),
                                plan_.retries));
  return true;
}

// A slot where trials fail one after the other, while those of others go well, is broken itself.
void Coordinator::note_slot(Place& place, bool failed) {
  if (!failed) {
    place.failures = 0;
    return;
  }
  if (++place.failures < failures_of_slot) return;
  const bool others_work = std::any_of(places_.begin(), places_.end(), [&](const Place& other) {
    return &other != &place && other.usable && other.failures == 0 && other.busy_s > 0;
  });
  if (!others_work) return;
  place.usable = false;
  observation_.said(
      fmt::format("{}: {} trials failed there one after the other, while others' went well; it gets no "
                  "more of them",
                  place.slot.name(), place.failures));
}

void Coordinator::prune() {
  pruning_.update(
      study_.log(), [this](std::uint32_t number) { return running_.contains(number); },
      [this](const search::Decision& decision) {
        end_trial(running_.at(decision.trial), Running::End::pruned, "pruned: " + to_string(decision));
      });
}

void Coordinator::look_for_lost() {
  const auto now = clock_.now();
  if (now < look_due_) return;
  const bool idle =
      std::any_of(places_.begin(), places_.end(), [](const Place& p) { return p.usable && !p.trial; });
  look_due_ =
      now + std::min<Clock::duration>(idle ? Clock::duration(idle_pause) : look_pause, presence_.lease() / 4);
  study_.refresh();
  for (const study::Run& run : study_.lost(others_, date()))
    retries_.add(run, "lost", now + time_to_end(trial_of(run.number), others_, presence_.lease()));
}

StartTrial Coordinator::start_of(const TrialPlace& at, const GroupValues& values) const {
  StartTrial start;
  start.trial = at.trial;
  TrialPlace seen = at;  // by the trial, from where it runs
  if (plan_.change_directory) {
    seen.directory = ".";
    seen.checkpoint = "checkpoint";
  }
  start.words = words_of(plan_.command, study_.space(), values, seen);
  if (plan_.command.is_shell()) start.words = {"/bin/sh", "-c", start.words[0]};
  start.environment = environment_of(study_.space(), values, seen);
  start.directory = at.directory;
  start.log = at.directory + "/log";
  start.change_directory = plan_.change_directory;
  start.slot = at.slot;
  start.mask = plan_.mask;
  start.metrics = plan_.metrics;
  start.metric = plan_.objectives[0].name;
  start.metric_file = plan_.metric_file;
  return start;
}

void Coordinator::launch(const study::Asked& asked, std::size_t p, bool again) {
  Place& place = places_[p];
  const study::Trial& trial = trial_of(asked.run.number);
  TrialPlace at;
  at.trial = asked.run.number;
  at.attempt = asked.run.attempt;
  at.seed = trial.seed;
  at.directory = trial_folder(plan_.folder, asked.run.number);
  at.slot = place.slot;
  at.device = set_up(place.slot, nullptr, plan_.mask).device;
  at.checkpoint = at.directory + "/checkpoint";
  if (!std::isnan(trial.budget)) at.budget = trial.budget;
  StartTrial stage;
  prepare_stage(trial, again, stage);
  at.resumes = asked.run.attempt > 1 || stage.from;
  StartTrial start = start_of(at, {{asked.point}});
  start.from = std::move(stage.from);
  start.keep_own = stage.keep_own;
  if (fidelity_) start.checkpoint = at.checkpoint;
  Running running;
  running.run = asked.run;
  running.process = asked.run.number;
  running.slot = p;
  running.started = clock_.now();
  if (asked.run.attempt > 1) running.said.go_on(trial, plan_.objectives[0]);
  if (place.trial) {
    start.after = place.queue.empty() ? *place.trial : place.queue.back();
    place.queue.push_back(asked.run.number);
  } else {
    place.trial = asked.run.number;
  }
  running_[asked.run.number] = std::move(running);
  ++begun_;
  observation_.began(trial);
  executor_.start(place.slot.host, start);
}

void Coordinator::end_trial(Running& trial, Running::End how, std::string reason) {
  if (trial.ending != Running::End::none) return;
  trial.ending = how;
  trial.reason = std::move(reason);
  if (groups_.contains(trial.process)) return end_member(trial);
  trial.kill_at = clock_.now() + std::chrono::duration_cast<Clock::duration>(
                                     std::chrono::duration<double>(plan_.kill_after_s));
  executor_.send_signal(places_[trial.slot].slot.host, {trial.run.number, SIGTERM});
}

void Coordinator::watch_times() {
  const auto now = clock_.now();
  for (auto& [number, trial] : running_) {
    const double ran = std::chrono::duration<double>(now - trial.started).count();
    const bool has_begun = places_[trial.slot].trial == trial.process;
    if (plan_.timeout_s > 0 && has_begun && ran >= plan_.timeout_s) {
      end_trial(trial, Running::End::timeout, "it ran longer than " + options::show_seconds(plan_.timeout_s));
    }
    if (trial.kill_at && now >= *trial.kill_at) {
      trial.kill_at.reset();
      executor_.send_signal(places_[trial.slot].slot.host, {number, SIGKILL});
    }
  }
  watch_groups();
  if (now >= beat_due_) {
    beat_due_ = now + presence_.beat_pause();
    presence_.beat();
  }
  if (presence_.must_stop()) lose_trials();
  if (rejoining_ && running_.empty()) rejoin();
}

// Others may have taken this run for dead, as after ^Z, or while the machine slept, or its disk didn't
// answer.
void Coordinator::lose_trials() {
  if (std::exchange(rejoining_, true)) return;
  observation_.said(
      fmt::format("this run showed no sign of life for {:.0f} s, and others may go on with its trials, which "
                  "are ended here",
                  std::chrono::duration<double>(presence_.since_beat()).count()));
  for (auto& [number, trial] : running_) end_trial(trial, Running::End::stopped, "lost");
}

// As another run, which finds what that one lost.
void Coordinator::rejoin() {
  if (clock_.now() < rejoin_due_) return;
  try {
    presence_.rejoin();
    study_.rename_worker(presence_.id());
    if (executor_.renew(presence_.lock_descriptor())) {
      for (Place& place : places_) leave_place(place);
    }
    rejoining_ = false;
    look_due_ = clock_.now();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::io) throw;
    rejoin_due_ = clock_.now() + rejoin_pause;
    observation_.said(error.what());
  }
}

// Whether nothing is to be done any more, here or, should others' trials fail or their runs die, later.
void Coordinator::look_for_end() {
  if (!running_.empty() || !groups_.empty() || !ends_.empty() || !reports_.empty()) return;
  if (!draining_) {
    study_.refresh();
    const std::size_t finished = study_.log().finished();
    follow_stages();
    const bool enough = finished >= plan_.trials, is_done = fidelity_ && fidelity_->is_done();
    if (!enough && !((nothing_left_ || is_done) && retries_.empty())) return;
    if (!enough && fidelity_ && !fidelity_->leftovers().empty()) return;
    reason_ = enough    ? fmt::format("{} trials are finished", finished)
              : is_done ? "the whole population has come to its last step"
                        : "the space is exhausted";
  }
  over_ = true;
}

void Coordinator::drain(std::string reason) {
  if (std::exchange(draining_, true)) return;
  reason_ = std::move(reason);
}

void Coordinator::stop(std::string reason) {
  drain(std::move(reason));
  if (std::exchange(stopping_, true)) return;
  for (auto& [number, trial] : running_) end_trial(trial, Running::End::stopped, "stopped");
}

void Coordinator::signal_all(int signal) {
  for (const Place& place : places_) {
    if (place.trial) executor_.send_signal(place.slot.host, {*place.trial, signal});
  }
}

void Coordinator::pause() {
  paused_at_ = clock_.now();
  signal_all(SIGSTOP);
}

void Coordinator::go_on() {
  const Clock::duration time = clock_.now() - paused_at_;
  for (auto& [number, trial] : running_) {
    trial.started += time;
    if (trial.kill_at) *trial.kill_at += time;
  }
  for (auto& [process, group] : groups_) {
    group.started += time;
    if (group.kill_at) *group.kill_at += time;
  }
  signal_all(SIGCONT);
}

Clock::time_point Coordinator::work() {
  if (over_) return Clock::time_point::max();
  watch_times();
  look_for_lost();
  const auto now = clock_.now();
  if (!rejoining_) round();
  look_for_end();
  if (over_) return now;
  auto next = std::min(beat_due_, look_due_);
  if (rejoining_) next = std::max(rejoin_due_, now + 10ms);
  next = std::min(
      next, disk_retry_ ? *disk_retry_ : std::min(ends_due_.value_or(next), reports_due_.value_or(next)));
  const bool is_free =
      std::any_of(places_.begin(), places_.end(), [](const Place& place) { return place.is_free(); });
  if (is_free && !draining_) next = std::min(next, std::max(retries_.due(), now + 10ms));
  for (const auto& [number, trial] : running_) {
    if (trial.kill_at) next = std::min(next, *trial.kill_at);
    const bool has_begun = places_[trial.slot].trial == trial.process;
    if (plan_.timeout_s > 0 && has_begun && trial.ending == Running::End::none) {
      next = std::min(next, trial.started + std::chrono::duration_cast<Clock::duration>(
                                                std::chrono::duration<double>(plan_.timeout_s)));
    }
  }
  for (const auto& [process, group] : groups_) {
    if (group.kill_at) next = std::min(next, *group.kill_at);
  }
  if (plan_.stop_after_s > 0 && !draining_) {
    next = std::min(next, started_ + std::chrono::duration_cast<Clock::duration>(
                                         std::chrono::duration<double>(plan_.stop_after_s)));
  }
  return std::max(next, now);
}

RunResult Coordinator::result() const {
  RunResult result{tally_.finished, tally_.failed, begun_, reason_, error_, 0, 0};
  for (const Place& place : places_) {
    result.busy_s += place.busy_s;
    result.slot_s += place.present_s + (place.present ? seconds_since(place.since) : 0);
  }
  result.elapsed_s = seconds_since(started_);
  if (tally_.finished + tally_.failed + tally_.paused > 0) result.mean_s = tally_.mean_s();
  return result;
}

}  // namespace nn::sweep
