// Decides whether a new version, the canary, takes the place of the stable one: first as a shadow that nobody
// sees, then for more and more users, whose requests are compared with those of as many others at the same
// time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "traffic/decision.hpp"
#include "traffic/plan.hpp"
#include "traffic/recorder.hpp"

namespace nn::traffic {

// How long a step of so many rows took, of both, one after the other on the same device: there are several
// pairs of each size.
struct CostPair {
  std::int64_t rows = 0;
  double canary_us = 0, control_us = 0;
};

// What is known of a version before anybody gets it.
struct Admission {
  std::string misfit = {};     // why clients of the stable version would fail with it; empty: they wouldn't
  bool finite_warm_up = true;  // all answers were, in its warm-up
  std::vector<CostPair> costs = {};  // empty: not known
};

// Why no version passes a step by these rules, whatever it answers: the intervals of as many requests as are
// ever looked at are too wide. Nothing where one may.
std::optional<std::string> why_never_passed(const CanaryPolicy& policy);

// Pure: times are seconds of any clock that goes forward only. One thread.
//
// Errors: Newcombe's interval of the difference between the shares that failed, below the margin: good, above
// it: bad. Latency: the ratio of the intervals' ends of both p95, likewise, but that 0.1 ms more is never
// bad. Each step is looked at when the smaller arm has min_requests, and 2, 4, 8, 16 and 32 times as many;
// each look has a sixth of 1 - confidence (Bonferroni). What isn't decided then is inconclusive: with 300
// requests, a margin of 0.005 and 0.05 % of errors in both arms, eight times as many would leave a third of
// all trials of equal versions undecided.
class Judge {
 public:
  static constexpr std::size_t all_looks = 6;

  Judge(const CanaryPolicy& policy, std::uint64_t version, std::uint64_t control, double now_s);

  // Before the first step: a decision where the version isn't to be tried, `begin` otherwise.
  Decision admit(const Admission& admission);
  // Adds what was observed since the last call. Nothing, advance, promote, hold or rollback; after a decision
  // but hold the counts begin anew, and what is observed must be of the new step.
  std::optional<Decision> observe(const Observations& fresh, double now_s);
  // By hand. promote() and rollback() end it.
  Decision hold();
  Decision resume(double now_s);
  Decision promote();
  Decision rollback();

  bool over() const { return over_; }
  bool held() const { return held_; }
  std::uint64_t version() const { return version_; }
  std::uint64_t control() const { return control_; }
  double step() const;            // percent of the users that get it; 0 while it is the shadow
  double shadow_percent() const;  // of the requests
  Evidence evidence() const;

  // Whether there is enough news since the last time for another line of `progress`: a restart loses a third
  // of what was observed, or less.
  bool worth_saving() const;
  // Such a line's fields behind those of the decision: ",\"counts\":…".
  std::string saved(double now_s);
  Decision progress() const;
  // The judge of the version that is being tried, as the history's lines tell it; nothing where none is. A
  // line that is wrong counts for nothing.
  static std::optional<Judge> resumed(const CanaryPolicy& policy, std::string_view history, double now_s);

 private:
  enum class Finding : std::uint8_t { good, bad, unclear };
  Decision decision(Verdict verdict, std::string reason) const;
  Decision end(Verdict verdict, std::string reason);
  std::optional<Decision> at_once(const Observations& fresh);
  std::optional<Decision> look_at_shadow();
  std::optional<Decision> look_at_step(double now_s);
  Decision go_on(double now_s);
  Decision inconclusive(std::string reason, double now_s);
  void begin_step(double now_s);
  double z() const;
  Finding errors(std::string& why) const;
  Finding latency(std::string& why) const;
  // What lines of the history say; judge_saved.cpp.
  void replay(Verdict verdict, double to, double now_s);
  bool restore(std::string_view line, double now_s);

  CanaryPolicy policy_;
  std::uint64_t version_, control_;
  std::ptrdiff_t step_ = -1;  // of policy_.steps; -1: the shadow
  bool held_ = false, over_ = false;
  double since_s_ = 0;
  std::size_t looks_ = 0;
  ArmCounts canary_, control_counts_;
  Comparison shadow_;
  std::uint64_t saved_ = 0;  // requests that the last line of progress knew
};

}  // namespace nn::traffic
