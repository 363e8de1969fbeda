#include "traffic/judge.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace nn::traffic {
namespace {

constexpr std::uint64_t failures_in_a_row = 5;
constexpr double latency_quantile = 0.95;
// Nobody who asks over HTTP notices less; of a few microseconds caches and the scheduler are the most.
constexpr double least_noticed_us = 100, least_noticed_of_step_us = 20;

double z_of(const CanaryPolicy& policy) {
  return normal_z(1 - (1 - policy.confidence) / static_cast<double>(Judge::all_looks));
}

// Could two versions that never fail, and are as fast as each other, be told from bad ones by so many
// requests of each?
bool may_be_decided(const CanaryPolicy& policy, std::uint64_t requests) {
  constexpr std::uint64_t most = 1u << 30;  // of a bucket; more is enough for any quantile
  LogHistogram alike;
  alike.add(std::size_t{100}, std::min(requests, most));
  const double z = z_of(policy);
  return newcombe(0, requests, 0, requests, z).high < policy.max_error_increase &&
         std::isfinite(alike.quantile(latency_quantile, z).high);
}

std::uint64_t requests_of_last_look(std::uint64_t min_requests) {
  return min_requests << (Judge::all_looks - 1);
}

double median_of(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Why a version computes too little: at some size the median of the ratios of both costs is more than 1 /
// `least`, and that can be noticed. What else the machine does meanwhile slows both of a pair, or few of
// them. Empty where it doesn't.
std::string capacity_lost(const Admission& admission, double least) {
  struct Costs {
    std::vector<double> canary_us, control_us, ratios, differences;
  };
  std::map<std::int64_t, Costs> sizes;
  for (const CostPair& pair : admission.costs) {
    if (!(pair.canary_us > 0 && pair.control_us > 0)) continue;
    Costs& costs = sizes[pair.rows];
    costs.canary_us.push_back(pair.canary_us);
    costs.control_us.push_back(pair.control_us);
    costs.ratios.push_back(pair.canary_us / pair.control_us);
    costs.differences.push_back(pair.canary_us - pair.control_us);
  }
  for (const auto& [rows, costs] : sizes) {
    const double ratio = median_of(costs.ratios);
    if (ratio * least > 1 && median_of(costs.differences) > least_noticed_of_step_us) {
      return fmt::format(
          "a step of {} takes it {:.0f} us, and the stable version {:.0f} us: {:.2f} times as long, in the "
          "median of {} pairs",
          rows == 1 ? "one row" : fmt::format("{} rows", rows), median_of(costs.canary_us),
          median_of(costs.control_us), ratio, costs.ratios.size());
    }
  }
  return {};
}

}  // namespace

std::optional<std::string> why_never_passed(const CanaryPolicy& policy) {
  const bool has_step = !policy.steps.empty() && policy.steps.front() < 100;
  if (!policy.automatic || !has_step || policy.inconclusive == CanaryPolicy::Inconclusive::promote)
    return std::nullopt;
  if (may_be_decided(policy, requests_of_last_look(policy.min_requests))) return std::nullopt;
  const auto may_with = [&](std::uint64_t min_requests) {
    return may_be_decided(policy, requests_of_last_look(min_requests));
  };
  std::uint64_t few = policy.min_requests, enough = most_min_requests;
  while (few + 1 < enough) {
    const std::uint64_t middle = few + (enough - few) / 2;
    (may_with(middle) ? enough : few) = middle;
  }
  const std::string remedy =
      may_with(enough)
          ? fmt::format("it takes min_requests = {} or more, or a larger max_error_increase", enough)
          : std::string("it takes a larger max_error_increase, such as 0.005");
  return fmt::format(
      "no version could pass a step: the last look is after {} requests of each, too few to say with "
      "confidence "
      "{} that failures are up by less than max_error_increase = {}, even where none fails; {}",
      requests_of_last_look(policy.min_requests), policy.confidence, policy.max_error_increase, remedy);
}

Judge::Judge(const CanaryPolicy& policy, std::uint64_t version, std::uint64_t control, double now_s)
    : policy_(policy), version_(version), control_(control), since_s_(now_s) {
  if (policy_.steps.empty()) policy_.steps = {100};
  if (policy_.shadow_requests == 0 || policy_.shadow_percent <= 0) step_ = 0;
}

double Judge::step() const { return step_ < 0 ? 0 : policy_.steps[static_cast<std::size_t>(step_)]; }

double Judge::shadow_percent() const { return step_ < 0 && !over_ && !held_ ? policy_.shadow_percent : 0; }

double Judge::z() const { return z_of(policy_); }

Evidence Judge::evidence() const {
  Evidence e;
  e.canary_requests = canary_.requests;
  e.canary_errors = canary_.errors;
  e.canary_nonfinite = canary_.nonfinite;
  e.control_requests = control_counts_.requests;
  e.control_errors = control_counts_.errors;
  e.control_nonfinite = control_counts_.nonfinite;
  e.error_difference =
      newcombe(canary_.errors, canary_.requests, control_counts_.errors, control_counts_.requests, z());
  e.canary_p95_us = canary_.us.quantile(latency_quantile, z());
  e.control_p95_us = control_counts_.us.quantile(latency_quantile, z());
  e.slower = mann_whitney(canary_.us, control_counts_.us).larger;
  e.shadow_requests = shadow_.requests();
  e.shadow_rows = shadow_.rows();
  e.shadow_errors = shadow_.errors();
  e.shadow_nonfinite = shadow_.nonfinite_new();
  e.shadow_dropped = shadow_.dropped();
  e.agreement = shadow_.agreement();
  e.distance = shadow_.mean_distance();
  return e;
}

Decision Judge::decision(Verdict verdict, std::string reason) const {
  Decision out{verdict, version_, control_, step(), 0, std::move(reason), false, {}};
  if (canary_.requests + control_counts_.requests + shadow_.requests() > 0) out.evidence = evidence();
  return out;
}

Decision Judge::end(Verdict verdict, std::string reason) {
  Decision out = decision(verdict, std::move(reason));
  over_ = true;
  return out;
}

Decision Judge::admit(const Admission& admission) {
  if (!admission.misfit.empty()) return end(Verdict::incompatible, admission.misfit);
  if (!admission.finite_warm_up) return end(Verdict::rollback, "answers of its warm-up are not finite");
  const std::string slower = capacity_lost(admission, policy_.min_capacity_ratio);
  if (!slower.empty()) return end(Verdict::rollback, slower);
  // Nobody to compare it with: all get it at once.
  if (step() >= 100) return end(Verdict::promote, "there is no step before 100 %");
  return decision(Verdict::begin, "");
}

// What needs no statistics.
std::optional<Decision> Judge::at_once(const Observations& fresh) {
  if (fresh.crashed) return end(Verdict::rollback, "what computes it ended");
  if (canary_.error_run >= failures_in_a_row && control_counts_.errors == 0)
    return end(Verdict::rollback,
               fmt::format("{} requests in a row failed, and none of the control's", canary_.error_run));
  if (shadow_.error_run() >= failures_in_a_row)
    return end(Verdict::rollback, fmt::format("{} shadow requests in a row failed", shadow_.error_run()));
  return std::nullopt;
}

std::optional<Decision> Judge::observe(const Observations& fresh, double now_s) {
  if (over_) return std::nullopt;
  canary_.merge(fresh.canary);
  control_counts_.merge(fresh.control);
  shadow_.merge(fresh.shadow);
  if (auto now = at_once(fresh)) return now;
  if (held_) return std::nullopt;
  return step_ < 0 ? look_at_shadow() : look_at_step(now_s);
}

std::optional<Decision> Judge::look_at_shadow() {
  const double z = this->z();
  // The same rows went through both: with a margin of 0 a single one is enough.
  const bool nonfinite = policy_.max_nonfinite == 0
                             ? shadow_.nonfinite_new() > 0
                             : wilson(shadow_.nonfinite_new(), shadow_.rows(), z).low > policy_.max_nonfinite;
  if (nonfinite) {
    return end(
        Verdict::rollback,
        fmt::format(
            "{} of {} shadow rows have numbers that are not finite, where those of the stable version are",
            shadow_.nonfinite_new(), shadow_.rows()));
  }
  if (shadow_.requests() < policy_.shadow_requests) return std::nullopt;
  if (wilson(shadow_.errors(), shadow_.requests(), z).low > policy_.max_error_increase) {
    return end(Verdict::rollback,
               fmt::format("{} of {} shadow requests failed", shadow_.errors(), shadow_.requests()));
  }
  if (shadow_.is_constant())
    return end(Verdict::rollback,
               fmt::format("it answers the same to all of {} shadow rows", shadow_.rows()));
  if (policy_.min_agreement > 0 &&
      wilson(shadow_.agreed(), shadow_.compared(), z).high < policy_.min_agreement) {
    return end(Verdict::rollback,
               fmt::format("it agrees with the stable version on {:.1f} % of {} shadow rows",
                           100 * shadow_.agreement(), shadow_.compared()));
  }
  return go_on(since_s_);
}

Judge::Finding Judge::errors(std::string& why) const {
  const Span failed =
      newcombe(canary_.errors, canary_.requests, control_counts_.errors, control_counts_.requests, z());
  const Span broken =
      newcombe(canary_.nonfinite, canary_.requests, control_counts_.nonfinite, control_counts_.requests, z());
  if (failed.low > policy_.max_error_increase) {
    why = fmt::format("{} of {} requests failed, and {} of the control's {}", canary_.errors,
                      canary_.requests, control_counts_.errors, control_counts_.requests);
    return Finding::bad;
  }
  if (broken.low > policy_.max_nonfinite) {
    why =
        fmt::format("{} of {} answers have numbers that are not finite, and {} of the control's {}",
                    canary_.nonfinite, canary_.requests, control_counts_.nonfinite, control_counts_.requests);
    return Finding::bad;
  }
  const bool good = failed.high < policy_.max_error_increase &&
                    broken.high < policy_.max_nonfinite + policy_.max_error_increase;
  if (!good) why = "the share of requests that fail may be higher";
  return good ? Finding::good : Finding::unclear;
}

Judge::Finding Judge::latency(std::string& why) const {
  const Span canary = canary_.us.quantile(latency_quantile, z());
  const Span control = control_counts_.us.quantile(latency_quantile, z());
  const auto most = [&](double us) { return std::max(us * policy_.max_p95_ratio, us + least_noticed_us); };
  if (canary.low > most(control.high)) {
    why = fmt::format("its p95 is {:.2f} ms or more, and the control's {:.2f} ms or less", canary.low / 1000,
                      control.high / 1000);
    return Finding::bad;
  }
  if (canary.high < most(control.low)) return Finding::good;
  why = "its p95 may be higher";
  return Finding::unclear;
}

std::optional<Decision> Judge::look_at_step(double now_s) {
  const double min_s = std::chrono::duration<double>(policy_.min_time).count();
  const std::uint64_t fewest = std::min(canary_.requests, control_counts_.requests);
  if (now_s - since_s_ < min_s) return std::nullopt;
  const std::size_t before = looks_;
  while (looks_ < all_looks && fewest >= policy_.min_requests << looks_) ++looks_;
  if (looks_ == before) return std::nullopt;
  std::string about_errors, about_latency;
  const Finding errors = this->errors(about_errors), latency = this->latency(about_latency);
  if (errors == Finding::bad) return end(Verdict::rollback, about_errors);
  if (latency == Finding::bad) return end(Verdict::rollback, about_latency);
  if (errors == Finding::good && latency == Finding::good) return go_on(now_s);
  if (looks_ < all_looks) return std::nullopt;
  return inconclusive(fmt::format("not decided after {} requests: {}", fewest,
                                  errors == Finding::good ? about_latency : about_errors),
                      now_s);
}

// The next step, or the end of them.
Decision Judge::go_on(double now_s) {
  const auto next = static_cast<std::size_t>(step_ + 1);
  if (next >= policy_.steps.size() || policy_.steps[next] >= 100)
    return end(Verdict::promote, "all steps are passed");
  Decision out = decision(Verdict::advance, "");
  out.to = policy_.steps[next];
  step_ = static_cast<std::ptrdiff_t>(next);
  begin_step(now_s);
  return out;
}

Decision Judge::inconclusive(std::string reason, double now_s) {
  switch (policy_.inconclusive) {
    case CanaryPolicy::Inconclusive::rollback: return end(Verdict::rollback, std::move(reason));
    case CanaryPolicy::Inconclusive::promote: {
      Decision out = go_on(now_s);
      out.reason = std::move(reason);
      return out;
    }
    case CanaryPolicy::Inconclusive::hold: break;
  }
  Decision out = hold();
  out.reason = std::move(reason);
  out.by_hand = false;
  return out;
}

void Judge::begin_step(double now_s) {
  since_s_ = now_s;
  looks_ = 0;
  canary_ = {};
  control_counts_ = {};
  shadow_ = {};
  saved_ = 0;
}

Decision Judge::hold() {
  held_ = true;
  Decision out = decision(Verdict::hold, "");
  out.by_hand = true;
  return out;
}

Decision Judge::resume(double now_s) {
  Decision out = decision(Verdict::resume, "");
  out.by_hand = true;
  held_ = false;
  begin_step(now_s);
  return out;
}

Decision Judge::promote() {
  Decision out = end(Verdict::promote, "");
  out.by_hand = true;
  return out;
}

Decision Judge::rollback() {
  Decision out = end(Verdict::rollback, "");
  out.by_hand = true;
  return out;
}

}  // namespace nn::traffic
