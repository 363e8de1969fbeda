// What a coordinator does where a process has several trials as its members. All of them end in the journal
// when the process does: until then it may begin again as a whole.
#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <utility>

#include "base/error.hpp"
#include "sweep/coordinator_round.hpp"

namespace nn::sweep {
namespace {

// "trials 4, 5 and 6", or, of many, "trials 4 to 35": those of a group mostly follow each other.
std::string listed(const std::vector<std::uint32_t>& trials) {
  return trials.size() == 1 ? fmt::format("trial {}", trials[0])
                            : fmt::format("trials {} to {}", trials.front(), trials.back());
}

}  // namespace

// Where trials run short, those that are left are spread over the slots that are free.
std::size_t Coordinator::group_size(const study::Change& change, const Round& round) const {
  if (plan_.trials == SIZE_MAX) return plan_.members;
  const auto free = static_cast<std::size_t>(
      std::count_if(places_.begin(), places_.end(), [](const Place& place) { return place.is_free(); }));
  const std::size_t slots = std::max<std::size_t>(free - std::min(free, round.begun.size()), 1);
  const std::size_t taken = change.log().finished() + change.log().count(study::State::running);
  const std::size_t left = plan_.trials - std::min(plan_.trials, taken);
  return std::clamp<std::size_t>((left + slots - 1) / slots, 1, plan_.members);
}

bool Coordinator::begin_group(study::Change& change, Round& round, std::size_t p) {
  while (const auto retry = round.retries.take(clock_.now())) {
    if (begin_again(change, round, *retry, p)) return true;
  }
  const std::string slot = places_[p].slot.name();
  study::Start how;
  how.slot = slot;
  how.budget = whole_budget(plan_.pruner);
  const std::size_t size = group_size(change, round);
  auto leader = propose_for(change, round, how);
  if (!leader) return false;
  Begun begun{std::move(*leader), p};
  std::vector<study::Run> runs{begun.asked.run};
  group_->follow(&begun.asked.point);
  while (runs.size() < size) {
    const study::Trial* waiting = change.first_waiting();
    if (waiting != nullptr && !may_join(study_.space(), plan_.shared, begun.asked.point, *waiting)) break;
    auto next = study_.next(
        change, {plan_.trials},
        [&](std::uint32_t number) { return proposer_.next(number, round.tally.mean_s()); }, how);
    if (!next) break;
    runs.push_back(next->run);
    begun.others.push_back(std::move(*next));
  }
  group_->follow(nullptr);
  write_group(change, runs);
  round.begun.push_back(std::move(begun));
  return true;
}

// A group begins again as it was: its members have their numbers, by which checkpoints are told apart. Those
// who have ended are told to stop at once. Where this can't be, the trial is alone from now on.
bool Coordinator::begin_again(study::Change& change, Round& round, const Retries::Retry& retry,
                              std::size_t p) {
  const std::string slot = places_[p].slot.name();
  study::Start how;
  how.slot = slot;
  const auto place = group_place(change.log().trials[retry.run.number]);
  const auto numbers = place ? group_members(change.log(), place->first) : std::vector<std::uint32_t>();
  std::vector<study::Asked> members;
  for (const std::uint32_t number : numbers) {
    const study::Trial& trial = change.log().trials[number];
    members.push_back({{number, trial.attempt}, point_of(study_.space(), trial), false});
  }
  const bool is_group =
      members.size() > 1 && std::all_of(members.begin(), members.end(), [&](const study::Asked& member) {
        for (std::size_t q = 0; q < member.point.size(); ++q) {
          const double a = member.point[q], b = members[0].point[q];
          if (std::isnan(a) != std::isnan(b) || (plan_.shared[q] && !std::isnan(a) && a != b)) return false;
        }
        return true;
      });
  if (!is_group) {
    const auto run = change.next_attempt(retry.run, retry.reason, how);
    if (!run) return false;  // somebody else has it
    leave_group(change, *run);
    round.begun.push_back(
        {{*run, point_of(study_.space(), change.log().trials[run->number]), false}, p, true});
    return true;
  }
  std::vector<bool> over;
  for (study::Asked& member : members) {
    auto wanted = member.run.number == retry.run.number ? std::optional(retry)
                                                        : round.retries.take_trial(member.run.number);
    const auto run = wanted ? change.next_attempt(wanted->run, wanted->reason, how) : std::nullopt;
    if (run) member.run = *run;
    over.push_back(!run);
  }
  if (std::find(over.begin(), over.end(), false) == over.end()) return false;
  Begun begun{std::move(members[0]), p, true, {}, std::move(over)};
  begun.others.assign(std::make_move_iterator(members.begin() + 1), std::make_move_iterator(members.end()));
  round.begun.push_back(std::move(begun));
  return true;
}

void Coordinator::launch_group(const Begun& begun) {
  Place& place = places_[begun.place];
  const std::uint32_t process = begun.asked.run.number;
  TrialPlace at;
  at.trial = process;
  at.seed = trial_of(process).seed;
  at.directory = trial_folder(plan_.folder, process);
  at.slot = place.slot;
  at.device = set_up(place.slot, nullptr, plan_.mask).device;
  at.checkpoint = at.directory + "/checkpoint";
  GroupValues values{{}, plan_.shared};
  GroupRun group{{}, begun.place, clock_.now(), false, false, std::nullopt};
  std::string control;
  std::vector<const study::Asked*> members{&begun.asked};
  for (const study::Asked& other : begun.others) members.push_back(&other);
  for (std::size_t m = 0; m < members.size(); ++m) {
    const study::Run& run = members[m]->run;
    const study::Trial& trial = trial_of(run.number);
    at.trials.push_back(run.number);
    at.seeds.push_back(trial.seed);
    at.attempt = std::max(at.attempt, run.attempt);
    if (!std::isnan(trial.budget)) at.budget = trial.budget;
    values.points.push_back(members[m]->point);
    group.trials.push_back(run.number);
    if (!begun.over.empty() && begun.over[m]) {
      control += fmt::format("{}stop {}", control.empty() ? "" : "\n", m + 1);
      continue;
    }
    Running running;
    running.run = run;
    running.process = process;
    running.member = m;
    running.slot = begun.place;
    running.started = group.started;
    if (run.attempt > 1) running.said.go_on(trial, plan_.objectives[0]);
    running_[run.number] = std::move(running);
    ++begun_;
    observation_.began(trial);
  }
  at.resumes = at.attempt > 1;
  StartTrial start = start_of(at, values);
  start.control = std::move(control);
  place.trial = process;
  groups_[process] = std::move(group);
  executor_.start(place.slot.host, start);
}

void Coordinator::group_reported(std::uint32_t process, const Report& said) {
  GroupRun& group = groups_.at(process);
  const std::vector<std::uint32_t>& trials = group.trials;
  if (!said.member || *said.member < 1 || static_cast<std::size_t>(*said.member) > trials.size()) {
    if (std::exchange(group.has_stray, true)) return;
    observation_.said(
        fmt::format("{}: a report doesn't say which of them it is of, as in {{\"member\":1, …}}; it is "
                    "left out",
                    listed(trials)));
    return;
  }
  const auto found = running_.find(trials[static_cast<std::size_t>(*said.member - 1)]);
  if (found == running_.end()) return;  // it has ended, in an attempt before
  if (said.end) found->second.said_end = said.end;
  if (!said.metrics.empty() && found->second.ending == Running::End::none) report(found->first, said);
}

void Coordinator::group_ended(std::uint32_t process, const TrialEnded& message) {
  const GroupRun group = std::move(groups_.extract(process).mapped());
  Place& place = places_[group.slot];
  place.trial.reset();
  place.busy_s += std::chrono::duration<double>(clock_.now() - group.started).count();
  std::size_t ended = 0, failed = 0;
  std::vector<std::uint32_t> again;
  std::optional<std::chrono::seconds> pause;
  const bool is_temporary = message.temporary || (message.status && WIFEXITED(*message.status) &&
                                                  WEXITSTATUS(*message.status) == exit_unavailable);
  for (const std::uint32_t number : group.trials) {
    auto node = running_.extract(number);
    if (node.empty()) continue;
    const Running& trial = node.mapped();
    if (trial.ending == Running::End::stopped) {
      leave_stopped(trial);
      continue;
    }
    if (is_temporary && !trial.said_end && trial.ending == Running::End::none) {
      const auto later = retries_.add_later(trial.run, message.temporary ? message.error : "exit 75",
                                            clock_.now(), plan_.retries);
      if (later) {
        pause = later;
        again.push_back(number);
        continue;
      }
    }
    ends_.push_back(end_of(trial, share_of(message, group.trials.size(), trial.said_end)));
    ++ended;
    if (ends_.back().state == study::State::failed) ++failed;
  }
  if (pause) {
    observation_.said(fmt::format("{} could not go on for now ({}); again in {} s, try {} of {}",
                                  listed(again),
                                  message.temporary ? message.error : "it ended with exit status 75",
                                  pause->count(), retries_.count(again[0]), plan_.retries));
  }
  if (ended > 0) note_slot(place, failed == ended);
  if (failed > 0 && !message.status) {
    const Error error = make_error(ErrorKind::usage, "{}", message.error);
    give_up({error.what(), error});
  }
}

std::size_t Coordinator::group_lost(std::uint32_t process, const std::string& host, const std::string& why) {
  std::size_t lost = 0;
  const auto group = groups_.extract(process);
  for (const std::uint32_t number : group.mapped().trials) {
    const auto node = running_.extract(number);
    if (node.empty()) continue;
    note_lost(node.mapped().run, host, why);
    ++lost;
  }
  return lost;
}

// One that is pruned leaves the others alone; the process ends with its last member.
void Coordinator::end_member(const Running& trial) {
  const GroupRun& group = groups_.at(trial.process);
  const bool any_left = std::any_of(group.trials.begin(), group.trials.end(), [&](std::uint32_t number) {
    const auto found = running_.find(number);
    return found != running_.end() && found->second.ending == Running::End::none;
  });
  if (trial.ending != Running::End::pruned || !any_left) return end_group(trial.process);
  executor_.tell(places_[trial.slot].slot.host, {trial.process, fmt::format("stop {}", trial.member + 1)});
}

void Coordinator::end_group(std::uint32_t process) {
  GroupRun& group = groups_.at(process);
  if (std::exchange(group.is_told, true)) return;
  group.kill_at = clock_.now() + std::chrono::duration_cast<Clock::duration>(
                                     std::chrono::duration<double>(plan_.kill_after_s));
  executor_.send_signal(places_[group.slot].slot.host, {process, SIGTERM});
}

void Coordinator::watch_groups() {
  for (auto& [process, group] : groups_) {
    if (!group.kill_at || clock_.now() < *group.kill_at) continue;
    group.kill_at.reset();
    executor_.send_signal(places_[group.slot].slot.host, {process, SIGKILL});
  }
}

}  // namespace nn::sweep
