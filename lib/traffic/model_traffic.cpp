#include "traffic/model_traffic.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/text.hpp"
#include "repository/history.hpp"
#include "repository/labels.hpp"
#include "repository/misfit.hpp"
#include "repository/small_file.hpp"
#include "repository/standing.hpp"

namespace nn::traffic {
namespace {

bool same_routes(const Routes& a, const Routes& b) {
  return a.router.arms() == b.router.arms() && a.names == b.names && a.key == b.key && a.shadow == b.shadow &&
         a.judged == b.judged && a.router.hash("") == b.router.hash("");
}

}  // namespace

ModelTraffic::ModelTraffic(std::string model, std::string base, TrafficPlan given, Hooks hooks)
    : model_(std::move(model)),
      base_(std::move(base)),
      given_(std::move(given)),
      hooks_(std::move(hooks)),
      plan_(given_) {
  publish();
}

void ModelTraffic::tell(const char* what, const std::optional<Error>& fault) {
  if (!fault) {
    told_.erase(what);
  } else if (told_[what] != fault->what()) {
    told_[what] = fault->what();
    hooks_.fault(*fault);
  }
  const std::lock_guard lock(mutex_);
  if (fault) {
    figures_.fault = fault;
  } else if (told_.empty()) {
    figures_.fault.reset();
  }
}

template <typename Body>
void ModelTraffic::guarded(const char* what, Body&& body) {
  std::optional<Error> fault;
  try {
    body();
  } catch (...) {
    fault = error_of(std::current_exception());
  }
  tell(what, fault);
}

void ModelTraffic::look(const Served& served, double now_s, double unix_s) {
  if (!base_.empty()) {
    guarded("plan", [&] { take_plan(now_s, unix_s); });
    guarded("history", [&] { take_history(now_s); });
    if (judge_ && pending_.empty()) watch_labels(served, unix_s);
    guarded("versions", [&] {
      if (judge_ && !judge_->over() && pending_.empty()) watch_versions(served, unix_s);
    });
  }
  Observations fresh = recorders_.take();
  fresh.crashed = judge_ && served.broken.contains(judge_->version());
  if (judge_ && !judge_->over()) {
    const double was = judge_->step();
    if (const auto decision = judge_->observe(fresh, now_s)) act(*decision, unix_s);
    if (judge_ && judge_->step() == was && judge_->worth_saving())
      act(judge_->progress(), unix_s, judge_->saved(now_s));
  }
  if (!base_.empty() && !judge_ && plan_.canary.automatic)
    guarded("begin", [&] { maybe_begin(served, now_s, unix_s); });
  flush();
  publish();
  watch_arms(served, now_s);
  looked_ = true;
}

void ModelTraffic::close(double now_s, double unix_s) {
  if (!judge_ || judge_->over()) return;
  if (const auto decision = judge_->observe(recorders_.take(), now_s)) act(*decision, unix_s);
  if (!judge_->over()) act(judge_->progress(), unix_s, judge_->saved(now_s));
  flush();
}

// A trial that is under way goes on by the rules as they are now.
void ModelTraffic::take_plan(double now_s, double unix_s) {
  const auto stamp = stamp_of(base_ + "/" + plan_file);
  if (looked_ && stamp == plan_stamp_) return;
  auto read = read_plan(base_);
  plan_stamp_ = stamp;
  plan_ = read ? std::move(*read) : given_;
  if (!looked_ || (judge_ && judge_->over())) return;
  if (judge_) {
    act(judge_->progress(), unix_s, judge_->saved(now_s));
    flush();
    judge_.reset();
  }
  resume(now_s);
}

// The trial that the history tells of, if there is one: it may be this server's own, which was interrupted.
void ModelTraffic::resume(double now_s) {
  if (plan_.canary.automatic) judge_ = Judge::resumed(plan_.canary, repository::read_history(base_), now_s);
}

// At first all of it; then what people have appended.
void ModelTraffic::take_history(double now_s) {
  const auto stamp = stamp_of(base_ + "/" + repository::history_file);
  if (looked_ && stamp == history_stamp_) return;
  const std::string history = repository::read_history(base_);
  history_stamp_ = stamp;
  decided_ = decided_versions(history);
  if (!looked_) {
    resume(now_s);
    recall(last_decision(history));
  } else if (history.size() > history_end_) {
    const std::string_view fresh = std::string_view(history).substr(history_end_);
    take_hand(fresh, now_s);
    take_others(fresh);
    if (!judge_) resume(now_s);  // another server has begun a trial: it is the same one here
  }
  history_end_ = history.size();
}

void ModelTraffic::take_hand(std::string_view lines, double now_s) {
  for (const HandVerdict& hand : hand_verdicts(lines)) {
    if (!judge_ || judge_->version() != hand.version) continue;
    switch (hand.verdict) {
      case Verdict::hold: judge_->hold(); break;
      case Verdict::resume:
        judge_->resume(now_s);
        recorders_.begin(recorders_.epoch());
        break;
      case Verdict::promote:
      case Verdict::rollback: judge_.reset(); break;
      default: break;
    }
    const std::lock_guard lock(mutex_);
    ++figures_.verdicts[std::string(enum_names(hand.verdict).name_of(hand.verdict))];
  }
}

// Several servers of a repository judge for themselves, by what they see; what ends a trial ends it for all.
void ModelTraffic::take_others(std::string_view lines) {
  if (!judge_ || judge_->over()) return;
  const std::string line = end_of_trial(lines, judge_->version());
  if (line.empty()) return;
  judge_.reset();
  recall(line);
}

void ModelTraffic::recall(std::string line) {
  if (line.empty()) return;
  hooks_.recalled(line);
  const std::lock_guard lock(mutex_);
  figures_.last_decision = std::move(line);
}

// People may move `stable` while something is compared with it.
void ModelTraffic::watch_labels(const Served& served, double unix_s) {
  const auto stable = served.labels.find(repository::stable_label);
  if (stable == served.labels.end() || stable->second == judge_->control() || judge_->held()) return;
  Decision decision = stable->second == judge_->version() ? judge_->promote() : judge_->hold();
  decision.by_hand = false;
  decision.reason = "the label stable was moved";
  act(decision, unix_s);
}

// Somebody may remove what is tried or compared with, or copy the history of another model; and a server that
// was killed may have begun a trial without its label.
void ModelTraffic::watch_versions(const Served& served, double unix_s) {
  const auto is_there = [&](std::uint64_t version) {
    return served.available.contains(version) || repository::read_standing(base_).has(version);
  };
  if (!is_there(judge_->version())) {
    Decision decision = judge_->rollback();
    decision.by_hand = false;
    decision.reason = "it isn't in the repository any more";
    return act(decision, unix_s);
  }
  if (!judge_->held() && !is_there(judge_->control())) {
    Decision decision = judge_->hold();
    decision.by_hand = false;
    decision.reason = fmt::format("version {}, which it is compared with, isn't in the repository any more",
                                  judge_->control());
    act(decision, unix_s);
  }
  if (looked_) return;
  if (!repository::read_labels(base_).versions.contains(repository::canary_label))
    repository::set_labels(base_, {{repository::canary_label, judge_->version()}});
}

// Requests of an arm that isn't there get another one, which nobody would notice. One that comes with a label
// or a version may be there in a moment.
void ModelTraffic::watch_arms(const Served& served, double now_s) {
  constexpr double moment_s = 2;
  if (!served.absence) return;
  const auto routes = this->routes();
  std::optional<Error> fault;
  const auto look_for = [&](const Target& target, const std::string& name, std::string_view then) {
    if (fault) return;
    if (const auto why = served.absence(target))
      fault = data_error("the arm '{}' isn't there: {}; {}", printable(name), why->message(), then);
  };
  const Router& router = routes->router;
  for (std::size_t i = 0; i < router.arms().size(); ++i) {
    if (router.share(i) > 0 && (routes->judged || !plan_.arms.empty()))
      look_for(router.arms()[i].target, routes->names[i], "its requests get another");
  }
  if (routes->shadow)
    look_for(routes->shadow->target, to_text(routes->shadow->target), "nothing is compared with it");
  if (!fault) {
    absent_since_s_.reset();
  } else if (looked_ && now_s - absent_since_s_.value_or(now_s) < moment_s) {
    if (!absent_since_s_) absent_since_s_ = now_s;
    return;
  }
  tell("arms", fault);
}

void ModelTraffic::maybe_begin(const Served& served, double now_s, double unix_s) {
  const auto served_stable = served.labels.find(repository::stable_label);
  const bool none_is_new =
      served_stable != served.labels.end() &&
      std::none_of(served.available.begin(), served.available.end(), [&](std::uint64_t version) {
        return version > served_stable->second && !decided_.contains(version);
      });
  if (served.available.empty() || none_is_new) return;
  const repository::Standing standing = repository::read_standing(base_);
  const auto labelled = standing.labels.find(repository::stable_label);
  std::uint64_t stable = 0;
  if (labelled != standing.labels.end()) {
    stable = labelled->second;
  } else {
    for (const std::uint64_t version : served.available) {
      if (standing.has(version) && standing.is_good(version)) stable = version;
    }
    // Without it the next version that comes would be everybody's at once.
    if (stable != 0) repository::set_labels(base_, {{repository::stable_label, stable}});
  }
  if (!served.available.contains(stable)) return;
  const auto newest =
      std::find_if(served.available.rbegin(), served.available.rend(), [&](std::uint64_t version) {
        return version > stable && standing.has(version) && standing.is_good(version) &&
               !decided_.contains(version);
      });
  if (newest == served.available.rend()) return;
  const bool costs = plan_.canary.min_capacity_ratio > 0;
  Admission admission = served.admission ? served.admission(*newest, stable, costs) : Admission{};
  if (admission.misfit.empty()) admission.misfit = repository::misfit(base_, stable, *newest);
  judge_.emplace(plan_.canary, *newest, stable, now_s);
  act(judge_->admit(admission), unix_s);
}

void ModelTraffic::act(const Decision& decision, double unix_s, std::string_view more) {
  const std::string line = to_json(decision, model_, unix_s, more);
  if (decision.verdict != Verdict::progress) {
    {
      const std::lock_guard lock(mutex_);
      ++figures_.verdicts[std::string(enum_names(decision.verdict).name_of(decision.verdict))];
      figures_.last_decision = line;
    }
    hooks_.decided(decision, line, plan_.canary.on_verdict);
  }
  if (judge_ && judge_->over()) decided_.insert(decision.version);
  pending_.push_back({decision, line});
}

// In their order: what can't be written now is tried again at the next look.
void ModelTraffic::flush() {
  guarded("decision", [&] {
    while (!pending_.empty()) {
      if (!base_.empty()) carry_out(pending_.front());
      pending_.pop_front();
    }
  });
  if (pending_.empty() && judge_ && judge_->over()) judge_.reset();
}

void ModelTraffic::carry_out(const Pending& pending) {
  const Decision& decision = pending.decision;
  if (decision.verdict == Verdict::promote) return repository::promote(base_, decision.version, pending.line);
  // The label goes first: whoever is killed in between finds the trial in the history, and does it again.
  if (decision.verdict == Verdict::rollback) {
    const repository::Labels labels = repository::read_labels(base_);
    const auto canary = labels.versions.find(repository::canary_label);
    if (canary != labels.versions.end() && canary->second == decision.version)
      repository::remove_label(base_, repository::canary_label);
  }
  repository::append_history(base_, pending.line);
  if (decision.verdict == Verdict::begin)
    repository::set_labels(base_, {{repository::canary_label, decision.version}});
}

void ModelTraffic::publish() {
  auto routes = std::make_shared<Routes>();
  routes->key = plan_.key;
  std::vector<Arm> arms = plan_.arms;
  routes->shadow = plan_.shadow;
  if (judge_ &&
      !(judge_->over() && (pending_.empty() || pending_.back().decision.verdict != Verdict::promote))) {
    // Labels may move while a request is under way: versions don't.
    const double percent = judge_->over() ? 100 : judge_->step();
    arms = {{parse_target(repository::stable_label), 100 - percent},
            {{.version = judge_->version()}, percent}};
    routes->judged = !judge_->over();
    if (judge_->shadow_percent() > 0)
      routes->shadow = Shadow{{.version = judge_->version()}, judge_->shadow_percent()};
  }
  routes->router = Router(arms, plan_.salt.empty() ? model_ : plan_.salt);
  for (const Arm& arm : routes->router.arms()) routes->names.push_back(to_text(arm.target));
  if (judge_ && arms.size() == 2 && routes->judged) routes->names[1] = repository::canary_label;

  TrafficFigures figures;
  for (std::size_t i = 0; i < routes->names.size(); ++i)
    figures.arms.push_back(
        {routes->names[i], to_text(routes->router.arms()[i].target), routes->router.share(i)});
  figures.key = to_text(plan_.key);
  figures.shadow = routes->shadow;
  if (judge_)
    figures.trial = {judge_->version(), judge_->control(), judge_->step(), judge_->held(),
                     judge_->evidence()};

  const std::lock_guard lock(mutex_);
  figures_.arms = std::move(figures.arms);
  figures_.key = std::move(figures.key);
  figures_.shadow = std::move(figures.shadow);
  figures_.trial = std::move(figures.trial);
  if (routes_ && same_routes(*routes_, *routes)) return;
  routes->epoch = recorders_.epoch() + 1;
  recorders_.begin(routes->epoch);
  routes_ = std::move(routes);
}

std::shared_ptr<const Routes> ModelTraffic::routes() const {
  const std::lock_guard lock(mutex_);
  return routes_;
}

TrafficFigures ModelTraffic::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

}  // namespace nn::traffic
