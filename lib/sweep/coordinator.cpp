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

namespace nn::sweep {
namespace {

using namespace std::chrono_literals;

constexpr auto report_delay = 50ms;  // reports that come meanwhile are written together
constexpr auto disk_pause = 5s;      // between tries to write where the disk is full
constexpr auto look_pause = 5s;      // between looks at what others do, where there is nothing to do here
constexpr auto first_retry_pause = 1s, longest_retry_pause = 60s;
constexpr int failures_of_slot = 3;  // one after the other, while others' trials go well
constexpr std::size_t least_failures = 5;
constexpr std::size_t least_of_all = 3;  // that fail before anything went well

// 128 + the signal, as a shell has it.
int exit_status_of(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

std::string json_of(const std::map<std::string, double, std::less<>>& metrics) {
  std::string out = "{";
  for (const auto& [name, value] : metrics) {
    if (std::isfinite(value)) add_json(out, name, value);
  }
  return out + "}";
}

}  // namespace

Coordinator::Coordinator(study::Study& study, study::Presence& presence, study::Observer& others,
                         const Plan& plan, study::Propose propose, Executor& executor, Clock& clock,
                         Observation& observation)
    : study_(study),
      presence_(presence),
      others_(others),
      plan_(plan),
      propose_(std::move(propose)),
      pruning_(plan.pruner, study.log().directions),
      executor_(executor),
      clock_(clock),
      observation_(observation),
      started_(clock.now()),
      beat_due_(started_ + study::default_beat),
      look_due_(started_) {}

study::Date Coordinator::date() const {
  return std::chrono::time_point_cast<std::chrono::microseconds>(clock_.date());
}

void Coordinator::add_slots(std::vector<Slot> slots) {
  for (Slot& slot : slots) {
    Place place;
    place.slot = std::move(slot);
    place.since = clock_.now();
    places_.push_back(std::move(place));
  }
}

void Coordinator::host_lost(const std::string& host, const std::string& why) {
  for (Place& place : places_) {
    if (place.slot.host != host) continue;
    place.usable = false;
    if (!place.trial) continue;
    const auto found = running_.find(*place.trial);
    place.trial.reset();
    if (!stopping_) retries_.push_back({found->second.run, "lost: " + why, clock_.now()});
    running_.erase(found);
  }
  observation_.said(
      fmt::format("{}: {}; its trials are begun again elsewhere", host.empty() ? "the agent" : host, why));
}

void Coordinator::take(const std::string& host, const FromAgent& message) {
  const auto is_ours = [&](std::uint32_t number) {
    const auto found = running_.find(number);
    return found != running_.end() && places_[found->second.slot].slot.host == host;
  };
  if (const auto* said = std::get_if<TrialReport>(&message)) {
    if (is_ours(said->trial)) report(said->trial, said->report);
  } else if (const auto* over = std::get_if<TrialEnded>(&message)) {
    if (is_ours(over->trial)) ended(*over);
  }
}

void Coordinator::report(std::uint32_t number, const Report& report) {
  Running& trial = running_.at(number);
  for (const auto& [name, value] : report.metrics) trial.metrics[name] = value;
  const auto found = report.metrics.find(plan_.objectives[0].name);
  if (found == report.metrics.end()) return;
  const double value = found->second;
  const bool more = plan_.objectives[0].direction == study::Direction::maximize;
  if (std::isfinite(value) && (!trial.best || (more ? value > *trial.best : value < *trial.best)))
    trial.best = value;
  auto others = report.metrics;
  others.erase(found->first);
  reports_.push_back({trial.run, report.step.value_or(trial.reports), value,
                      std::chrono::duration<double>(clock_.now() - trial.started).count(), json_of(others)});
  ++trial.reports;
  if (!reports_due_) reports_due_ = clock_.now() + report_delay;
}

void Coordinator::ended(const TrialEnded& message) {
  const auto found = running_.find(message.trial);
  Running trial = std::move(found->second);
  running_.erase(found);
  Place& place = places_[trial.slot];
  place.trial.reset();
  place.busy_s += std::chrono::duration<double>(clock_.now() - trial.started).count();
  if (trial.ending == Running::End::stopped) return;  // it stays as it is, for who goes on
  if (is_worth_retry(trial, message)) return;
  Ended end{trial.run, study::State::failed, {}, {}, {}};
  finish(trial, message, end);
  const bool failed = end.state == study::State::failed;
  note_slot(place, failed);
  ends_.push_back(std::move(end));
  if (failed && !message.status) {
    // A command that can't be started now won't be for the next trial either.
    give_up(make_error(ErrorKind::usage, "{}", message.error));
  }
}

bool Coordinator::is_worth_retry(const Running& trial, const TrialEnded& message) {
  const bool temporary = message.temporary || (message.status && WIFEXITED(*message.status) &&
                                               WEXITSTATUS(*message.status) == exit_unavailable);
  if (!temporary || trial.ending != Running::End::none) return false;
  int& times = retried_[trial.run.number];
  if (times >= plan_.retries) return false;
  const auto pause = std::min<Clock::duration>(first_retry_pause * (1 << times), longest_retry_pause);
  ++times;
  retries_.push_back({trial.run, message.temporary ? message.error : "exit 75", clock_.now() + pause});
  observation_.said(
      fmt::format("trial {} could not go on for now ({}); again in {} s, try {} of {}", trial.run.number,
                  message.temporary ? message.error : "it ended with exit status 75",
                  std::chrono::duration_cast<std::chrono::seconds>(pause).count(), times, plan_.retries));
  return true;
}

// What became of it: a state, values and a sentence.
void Coordinator::finish(Running& trial, const TrialEnded& message, Ended& ended) {
  ended.ending.wall_s = message.wall_s;
  ended.ending.user_s = message.user_s;
  ended.ending.memory_kb = message.most_memory_kb;
  if (message.status) ended.ending.exit_status = exit_status_of(*message.status);
  for (const Constraint& constraint : plan_.constraints) {
    const auto value = trial.metrics.find(constraint.metric);
    if (value != trial.metrics.end())
      ended.constraints[constraint.metric] = constraint.exceeded_by(value->second);
  }
  if (trial.ending == Running::End::pruned) {
    ended.state = study::State::pruned;
    ended.ending.reason = trial.reason;
    return;
  }
  if (trial.ending == Running::End::timeout) {
    ended.ending.reason = trial.reason;
    return;
  }
  if (!message.status) {
    ended.ending.reason = message.error;
    return;
  }
  if (*message.status != 0) {
    ended.ending.reason = process::describe_end(*message.status);
    if (!message.tail.empty())
      ended.ending.reason += "; " + message.tail.substr(message.tail.rfind('\n') + 1);
    return;
  }
  for (const study::Objective& objective : plan_.objectives) {
    const bool first = &objective == plan_.objectives.data();
    const auto found = trial.metrics.find(objective.name);
    std::optional<double> value;
    if (found != trial.metrics.end()) value = found->second;
    if (first && plan_.value_of == ValueOf::best && trial.best) value = trial.best;
    if (!value && plan_.objectives.size() == 1) value = message.last_number;
    if (!value) {
      std::string names;
      for (const auto& [name, unused] : trial.metrics) names += (names.empty() ? "" : ", ") + name;
      ended.ending.reason =
          fmt::format("it said nothing of {}{}", objective.name, names.empty() ? "" : "; only of " + names);
      if (!message.error.empty()) ended.ending.reason += "; " + message.error;
      return;
    }
    ended.values.push_back(*value);
  }
  for (const double value : ended.values) {
    if (std::isfinite(value)) continue;
    ended.ending.reason = fmt::format("its value is {}", value);
    if (std::isnan(value)) return;
  }
  ended.state = study::State::complete;
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

bool Coordinator::flush(study::Durable durable) {
  if (ends_.empty() && reports_.empty()) return true;
  if (disk_retry_ && clock_.now() < *disk_retry_) return false;
  try {
    std::vector<study::Outcome> outcomes;
    study_.commit(durable, [&](study::Change& change) {
      outcomes.clear();
      for (const Reported& r : reports_) change.report(r.run, r.step, r.value, r.elapsed_s, r.metrics);
      for (const Ended& e : ends_) {
        for (const auto& [name, by] : e.constraints) change.constraint(e.run, name, by);
        outcomes.push_back(change.end(e.run, e.state, e.values, e.ending));
      }
    });
    disk_retry_.reset();
    unsynced_ = durable == study::Durable::no;
    prune();
    const auto ends = std::exchange(ends_, {});
    reports_.clear();
    reports_due_.reset();
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if (outcomes[i] != study::Outcome::done) {
        observation_.said(fmt::format("trial {}: what became of attempt {} doesn't count: another run has it",
                                      ends[i].run.number, ends[i].run.attempt));
        continue;
      }
      const study::Trial& trial = trial_of(ends[i].run.number);
      const bool is_best = study_.log().best() == &trial;
      (trial.state == study::State::failed ? failed_ : finished_) += 1;
      since_better_ = is_best ? 0 : since_better_ + 1;
      observation_.ended(trial, is_best);
      if (trial.state == study::State::failed && plan_.fail_fast) {
        give_up(make_error(ErrorKind::data, "trial {} failed: {}", trial.number, trial.ending.reason));
      }
    }
    return true;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::io && error.kind() != ErrorKind::unavailable) throw;
    if (!disk_retry_) {
      observation_.said(fmt::format("{}; no trial begins until it can be written", error.what()));
    }
    disk_retry_ = clock_.now() + disk_pause;
    return false;
  }
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
  look_due_ = now + look_pause;
  study_.refresh();
  for (const study::Run& run : study_.lost(others_, date())) {
    const bool known =
        std::any_of(retries_.begin(), retries_.end(), [&](const Retry& r) { return r.run == run; });
    if (!known) retries_.push_back({run, "lost", now});
  }
}

std::optional<study::Asked> Coordinator::again(const study::Run& run, const std::string& reason,
                                               const Place& place) {
  std::optional<study::Run> next;
  const std::string slot = place.slot.name();
  study_.commit(study::Durable::yes, [&](study::Change& change) {
    study::Start how;
    how.slot = slot;
    next = change.next_attempt(run, reason, how);
  });
  if (!next) return std::nullopt;  // somebody else has it
  return study::Asked{*next, point_of(study_.space(), trial_of(run.number)), false};
}

std::optional<study::Asked> Coordinator::next_for(const Place& place) {
  const auto now = clock_.now();
  for (auto retry = retries_.begin(); retry != retries_.end();) {
    if (retry->not_before > now) {
      ++retry;
      continue;
    }
    const Retry taken = std::move(*retry);
    retry = retries_.erase(retry);
    if (auto asked = again(taken.run, taken.reason, place)) return asked;
  }
  if (nothing_left_) return std::nullopt;
  study::NoTrial why{};
  const std::string slot = place.slot.name();
  study::Start how;
  how.slot = slot;
  auto asked = study_.ask({plan_.trials}, propose_, how, &why);
  if (!asked && why == study::NoTrial::exhausted) {
    nothing_left_ = true;
    observation_.said("all points of the space are tried, or being tried");
  }
  return asked;
}

bool Coordinator::begin_on(std::size_t place) {
  const auto asked = next_for(places_[place]);
  if (!asked) return false;
  launch(*asked, place);
  return true;
}

void Coordinator::launch(const study::Asked& asked, std::size_t p) {
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
  at.resumes = asked.run.attempt > 1;
  if (!std::isnan(trial.budget)) at.budget = trial.budget;
  StartTrial start;
  start.trial = asked.run.number;
  start.words = words_of(plan_.command, study_.space(), asked.point, at);
  if (plan_.command.is_shell()) start.words = {"/bin/sh", "-c", start.words[0]};
  start.environment = environment_of(study_.space(), asked.point, at);
  start.directory = at.directory;
  start.log = at.directory + "/log";
  start.change_directory = plan_.change_directory;
  start.slot = place.slot;
  start.mask = plan_.mask;
  start.metrics = plan_.metrics;
  start.metric = plan_.objectives[0].name;
  start.metric_file = plan_.metric_file;
  Running running;
  running.run = asked.run;
  running.slot = p;
  running.started = clock_.now();
  place.trial = asked.run.number;
  running_[asked.run.number] = std::move(running);
  ++begun_;
  observation_.began(trial);
  executor_.start(place.slot.host, start);
}

void Coordinator::fill() {
  for (std::size_t p = 0; p < places_.size() && !draining_; ++p) {
    if (!places_[p].usable || places_[p].trial) continue;
    if (!begin_on(p)) break;
    unsynced_ = false;  // the beginning is durable, and so is all in front of it
  }
}

void Coordinator::end_trial(Running& trial, Running::End how, std::string reason) {
  if (trial.ending != Running::End::none) return;
  trial.ending = how;
  trial.reason = std::move(reason);
  trial.kill_at = clock_.now() + std::chrono::duration_cast<Clock::duration>(
                                     std::chrono::duration<double>(plan_.kill_after_s));
  executor_.send_signal(places_[trial.slot].slot.host, {trial.run.number, SIGTERM});
}

void Coordinator::watch_times() {
  const auto now = clock_.now();
  for (auto& [number, trial] : running_) {
    const double ran = std::chrono::duration<double>(now - trial.started).count();
    if (plan_.timeout_s > 0 && ran >= plan_.timeout_s) {
      end_trial(trial, Running::End::timeout, "it ran longer than " + options::show_seconds(plan_.timeout_s));
    }
    if (trial.kill_at && now >= *trial.kill_at) {
      trial.kill_at.reset();
      executor_.send_signal(places_[trial.slot].slot.host, {number, SIGKILL});
    }
  }
  if (now >= beat_due_) {
    beat_due_ = now + study::default_beat;
    presence_.beat();
  }
  if (presence_.must_stop())
    stop("this run could not show that it is alive, and others may take it for dead");
}

std::size_t Coordinator::failures_allowed() const {
  if (plan_.most_failures) return *plan_.most_failures;
  return plan_.trials == SIZE_MAX ? SIZE_MAX : std::max(least_failures, plan_.trials / 5);
}

// Whether more trials may begin.
void Coordinator::judge() {
  if (draining_) return;
  const study::StudyLog& log = study_.log();
  if (failed_ > failures_allowed()) {
    return give_up(
        make_error(ErrorKind::data, "{} trials failed", failed_).advise("; --max-failures allows more"));
  }
  if (failed_ >= std::max(least_of_all, places_.size()) && log.finished() == 0) {
    return give_up(make_error(ErrorKind::data, "all of the first {} trials failed", failed_));
  }
  const study::Trial* best = plan_.target ? log.best() : nullptr;
  if (best != nullptr) {
    const bool more = log.directions[0] == study::Direction::maximize;
    if (more ? best->values[0] >= *plan_.target : best->values[0] <= *plan_.target) {
      return drain(fmt::format("trial {} reached the target", best->number));
    }
  }
  if (plan_.patience > 0 && since_better_ >= plan_.patience) {
    return drain(fmt::format("{} trials brought nothing better", since_better_));
  }
  const double ran = std::chrono::duration<double>(clock_.now() - started_).count();
  if (plan_.stop_after_s > 0 && ran >= plan_.stop_after_s) {
    return drain(options::show_seconds(plan_.stop_after_s) + " are over");
  }
  const bool usable = std::any_of(places_.begin(), places_.end(), [](const Place& p) { return p.usable; });
  if (!places_.empty() && !usable) give_up(make_error(ErrorKind::unavailable, "no slot is left"));
}

// Whether nothing is to be done any more, here or, should others' trials fail or their runs die, later.
void Coordinator::look_for_end() {
  if (!running_.empty() || !ends_.empty() || !reports_.empty()) return;
  if (!draining_) {
    study_.refresh();
    const std::size_t finished = study_.log().finished();
    const bool enough = finished >= plan_.trials;
    if (!enough && !(nothing_left_ && retries_.empty())) return;
    reason_ = enough ? fmt::format("{} trials are finished", finished) : "the space is exhausted";
  }
  over_ = true;
}

void Coordinator::give_up(Error error) {
  if (!error_) error_ = std::move(error);
  drain(error_->what());
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

Clock::time_point Coordinator::work() {
  if (over_) return Clock::time_point::max();
  watch_times();
  look_for_lost();
  const auto now = clock_.now();
  const bool writable = ends_.empty() || flush(study::Durable::no);
  judge();
  if (writable && !draining_) fill();
  if (reports_due_ && now >= *reports_due_) flush(study::Durable::yes);
  if (std::exchange(unsynced_, false)) study_.journal().sync();
  look_for_end();
  if (over_) return now;
  auto next = std::min(beat_due_, look_due_);
  if (reports_due_) next = std::min(next, *reports_due_);
  if (disk_retry_) next = std::min(next, *disk_retry_);
  for (const Retry& retry : retries_) next = std::min(next, std::max(retry.not_before, now + 10ms));
  for (const auto& [number, trial] : running_) {
    if (trial.kill_at) next = std::min(next, *trial.kill_at);
    if (plan_.timeout_s > 0 && trial.ending == Running::End::none) {
      next = std::min(next, trial.started + std::chrono::duration_cast<Clock::duration>(
                                                std::chrono::duration<double>(plan_.timeout_s)));
    }
  }
  if (plan_.stop_after_s > 0 && !draining_) {
    next = std::min(next, started_ + std::chrono::duration_cast<Clock::duration>(
                                         std::chrono::duration<double>(plan_.stop_after_s)));
  }
  return std::max(next, now);
}

RunResult Coordinator::result() const {
  RunResult result{finished_, failed_, begun_, reason_, error_, 0, 0};
  for (const Place& place : places_) {
    result.busy_s += place.busy_s;
    result.slot_s += std::chrono::duration<double>(clock_.now() - place.since).count();
  }
  return result;
}

}  // namespace nn::sweep
