// A model's traffic: which arm answers whom, as its plan and its judge have it at the moment.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "traffic/judge.hpp"
#include "traffic/plan.hpp"
#include "traffic/recorder.hpp"
#include "traffic/router.hpp"

namespace nn::traffic {

// Constant, for any thread.
struct Routes {
  std::uint64_t epoch = 0;  // Recorder's
  Router router{{}, ""};
  std::vector<std::string> names;  // of the router's arms, for clients and logs: "stable", "canary"
  Key key;
  std::optional<Shadow> shadow;
  bool judged =
      false;  // arm 0 is the control's, arm 1 the canary: how requests of theirs go is to be recorded
  // Whether a request is to be run through the shadow as well; `hash` as for Router::choose().
  bool wants_shadow(std::uint64_t hash) const {
    return shadow && unit_of(mixed(hash, 0x5AD0)) < shadow->percent / 100;
  }
};

// What a server has of the model.
struct Served {
  std::set<std::uint64_t> available;
  std::set<std::uint64_t> broken =
      {};  // that can't be loaded, and won't be while their files are what they are
  std::map<std::string, std::uint64_t, std::less<>> labels;
  // What is known of a version beside its file (Admission::misfit is found out here), with costs where they
  // are wanted: they are measured then. May be empty.
  std::function<Admission(std::uint64_t canary, std::uint64_t control, bool costs)> admission = {};
  // Why a target doesn't answer, where waiting doesn't help; nothing where it does, or will soon. May be
  // empty.
  std::function<std::optional<Error>(const Target& target)> absence = {};
};

// Of serving threads, for metrics. Any thread.
struct TrafficCounters {
  std::atomic<std::uint64_t> fallbacks{0};  // requests whose arm wasn't there
  std::atomic<std::uint64_t> shadow_agree{0}, shadow_differ{0}, shadow_dropped{0};  // rows
};

// How things stand, for status and metrics.
struct TrafficFigures {
  struct ArmShare {
    std::string name, target;
    double share = 0;
  };
  std::vector<ArmShare> arms;
  std::string key;
  std::optional<Shadow> shadow;
  struct Trial {
    std::uint64_t version = 0, control = 0;
    double step = 0;
    bool held = false;
    Evidence evidence;
  };
  std::optional<Trial> trial;
  std::map<std::string, std::uint64_t, std::less<>> verdicts;  // since the start
  std::string last_decision;                                   // its line; "" for none
  std::optional<Error> fault = {};                             // of the plan, its arms or the history
};

// One thread, that of control, but for what says otherwise.
class ModelTraffic {
 public:
  struct Hooks {
    // `program` is the plan's on_verdict; "" for none.
    using Decided =
        std::function<void(const Decision& decision, const std::string& line, const std::string& program)>;
    Decided decided = [](const auto&, const auto&, const auto&) {};
    std::function<void(const Error&)> fault = [](const Error&) {};  // told once, when it begins
    // What was decided last, as the history says when it is read first, and what another server of the
    // repository has decided about the version that is tried here: the line.
    std::function<void(const std::string& line)> recalled = [](const auto&) {};
  };
  // `base` is the repository's folder, or "" for a model without one, of which `given` says all. A plan in
  // the folder takes the place of the one that is given.
  ModelTraffic(std::string model, std::string base, TrafficPlan given, Hooks hooks);

  // Looks at the plan, at what was written into the history, and at what was recorded; decides, and does
  // it: moves labels, appends to the history. Some times a second. `now_s` is of a clock that goes forward
  // only, `unix_s` the calendar's. Doesn't throw: what is wrong goes to the hook, and is tried again at the
  // next look.
  void look(const Served& served, double now_s, double unix_s);
  // Saves how far the judge is.
  void close(double now_s, double unix_s);

  // Any thread.
  std::shared_ptr<const Routes> routes() const;
  Recorders& recorders() { return recorders_; }
  TrafficCounters& counters() { return counters_; }
  TrafficFigures figures() const;
  // The plan's on_verdict; "" for none. The thread of control.
  const std::string& program() const { return plan_.canary.on_verdict; }

 private:
  struct Pending {
    Decision decision;
    std::string line;
  };
  void take_plan(double now_s, double unix_s);
  void take_history(double now_s);
  void take_hand(std::string_view lines, double now_s);
  void take_others(std::string_view lines);
  void recall(std::string line);
  void resume(double now_s);
  void watch_labels(const Served& served, double unix_s);
  void watch_versions(const Served& served, double unix_s);
  void watch_arms(const Served& served, double now_s);
  void maybe_begin(const Served& served, double now_s, double unix_s);
  void act(const Decision& decision, double unix_s, std::string_view more = {});
  void flush();
  void carry_out(const Pending& pending);
  void tell(const char* what, const std::optional<Error>& fault);
  void publish();
  template <typename Body>
  void guarded(const char* what, Body&& body);

  const std::string model_, base_;
  const TrafficPlan given_;
  const Hooks hooks_;
  TrafficPlan plan_;
  std::optional<FileStamp> plan_stamp_, history_stamp_;
  bool looked_ = false;
  std::size_t history_end_ = 0;
  std::set<std::uint64_t> decided_;       // versions that had their trial
  std::optional<double> absent_since_s_;  // an arm
  std::optional<Judge> judge_;
  std::deque<Pending> pending_;
  std::map<std::string, std::string, std::less<>> told_;  // faults, by what they are of

  Recorders recorders_;
  TrafficCounters counters_;
  mutable std::mutex mutex_;  // of what follows
  std::shared_ptr<const Routes> routes_;
  TrafficFigures figures_;
};

// Of a version whose trial is over: by a verdict of any line.
std::set<std::uint64_t> decided_versions(std::string_view history);
// The last line that says what was decided; "" where none does.
std::string last_decision(std::string_view history);
// The first line that ends the trial of a version, whoever wrote it; "" where none does.
std::string end_of_trial(std::string_view history, std::uint64_t version);
// What somebody wrote by hand.
struct HandVerdict {
  std::uint64_t version = 0;
  Verdict verdict = Verdict::hold;
};
std::vector<HandVerdict> hand_verdicts(std::string_view history);

// By hand, without a server: finds the version that is being tried, by the history or the label `canary`, and
// does it. A server sees it in the history. Usage error for other verdicts than hold, resume, promote and
// rollback; data error where no version is being tried. Returns the version.
std::uint64_t decide_by_hand(const std::string& base, Verdict verdict, double unix_s);

// Versions of its own model that a plan needs, for whoever removes others.
std::set<std::uint64_t> needed_versions(const std::optional<TrafficPlan>& plan);

}  // namespace nn::traffic
