#include "search/pruner_rules.hpp"

#include <algorithm>
#include <cmath>

namespace nn::search {
namespace {

using Why = Decision::Why;

// As numpy.percentile() interpolates, to the last bit, of values that are less-is-better. With `maximize`
// these are the negative ones of which the percentile was asked, from the other end.
double percentile_of(const RankedValues& values, double percentile, bool maximize) {
  const std::size_t last = values.size() - 1;
  const auto at = [&](std::size_t place) { return maximize ? -values.at(last - place) : values.at(place); };
  const double place = static_cast<double>(last) * ((maximize ? 100 - percentile : percentile) / 100);
  const auto below = std::min(static_cast<std::size_t>(place), last);
  const double part = place - static_cast<double>(below);
  const double low = at(below), high = at(std::min(below + 1, last)), range = high - low;
  const double value = part >= 0.5 ? high - range * (1 - part) : low + range * part;
  return maximize ? -value : value;
}

}  // namespace

std::optional<Decision> Intervals::before(const Curve& curve) const {
  const std::int64_t step = curve.steps.back();
  if (step < warmup) return Decision{.why = Why::warmup, .limit = static_cast<double>(warmup)};
  const std::int64_t begin = warmup + (step - warmup) / interval * interval;
  const std::int64_t previous = curve.size() < 2 ? -1 : curve.steps[curve.size() - 2];
  if (previous < begin) return std::nullopt;
  return Decision{.why = Why::between, .limit = static_cast<double>(begin + interval)};
}

Decision PercentileRule::decide(std::uint32_t, const Curve& curve) {
  const auto startup = static_cast<std::size_t>(spec_.startup);
  if (complete_ == 0 || complete_ < startup) {
    return {.why = Why::startup, .count = complete_, .least = std::max<std::size_t>(startup, 1)};
  }
  if (const auto before = intervals_.before(curve)) return *before;
  const double best = curve.best();
  if (std::isnan(best)) return {.why = Why::not_a_number, .prune = true};
  const auto found = steps_.find(curve.steps.back());
  const auto at_least = static_cast<std::size_t>(spec_.at_least);
  const std::size_t values = found == steps_.end() ? 0 : found->second.values.size();
  if (values == 0 || found->second.reports < at_least) {
    return {.why = Why::few, .value = best, .count = values, .least = at_least};
  }
  const double limit = percentile_of(found->second.values, spec_.percentile, maximize_);
  return {.why = Why::percentile,
          .prune = best > limit,
          .value = best,
          .limit = limit,
          .percentile = spec_.percentile,
          .count = values};
}

void PercentileRule::end(std::uint32_t, const Curve& curve, TrialEnd how, double) {
  if (how != TrialEnd::complete) return;
  ++complete_;
  for (std::size_t i = 0; i < curve.size(); ++i) {
    Step& step = steps_[curve.steps[i]];
    ++step.reports;
    if (!std::isnan(curve.values[i])) step.values.add(curve.values[i]);
  }
}

Decision AverageRule::decide(std::uint32_t trial, const Curve& curve) {
  const double value = curve.values.back();
  if (std::isnan(value)) return {.why = Why::not_a_number, .prune = true};
  const double average = (sums_[trial] += value) / static_cast<double>(curve.size());
  if (std::isnan(average)) return {.why = Why::not_a_number, .prune = true};
  RankedValues& step = steps_[curve.steps.back()];
  step.add(average);
  if (const auto before = intervals_.before(curve)) return *before;
  const auto least = static_cast<std::size_t>(std::max(spec_.startup, spec_.at_least));
  if (step.size() < least) return {.why = Why::few, .count = step.size(), .least = least};
  const std::size_t place = step.rank(average) + 1;
  const double part = static_cast<double>(place) / static_cast<double>(step.size());
  return {.why = Why::average,
          .prune = place > 1 && part > spec_.percentile / 100,
          .value = average,
          .percentile = spec_.percentile,
          .place = place,
          .count = step.size()};
}

void AverageRule::end(std::uint32_t trial, const Curve&, TrialEnd, double) { sums_.erase(trial); }

Decision ThresholdRule::decide(std::uint32_t, const Curve& curve) {
  if (const auto before = intervals_.before(curve)) return *before;
  const double value = curve.values.back();
  if (std::isnan(value)) return {.why = Why::not_a_number, .prune = true};
  const bool is_below = value < lower_;
  const bool is_out = is_below || value > upper_;
  return {.why = is_out ? Why::out_of_limits : Why::in_limits,
          .prune = is_out,
          .value = value,
          .limit = is_below ? lower_ : upper_};
}

Decision PatientRule::decide(std::uint32_t trial, const Curve& curve) {
  const std::size_t last_reports = patience_ + 1;
  if (curve.size() <= last_reports) {
    return {.why = Why::few, .count = curve.size(), .least = last_reports + 1};
  }
  const double before = curve.best(curve.size() - last_reports);
  double lately = std::numeric_limits<double>::quiet_NaN();
  for (std::size_t i = curve.size() - last_reports; i < curve.size(); ++i) {
    lately = std::fmin(lately, curve.values[i]);
  }
  const bool is_worse = before + delta_ < lately;
  if (is_worse && inner_) {
    Decision decision = inner_->decide(trial, curve);
    decision.patient = true;
    return decision;
  }
  return {.why = Why::patience, .prune = is_worse, .value = lately, .limit = before, .count = last_reports};
}

void PatientRule::end(std::uint32_t trial, const Curve& curve, TrialEnd how, double value) {
  if (inner_) inner_->end(trial, curve, how, value);
}

}  // namespace nn::search
