// Rungs and brackets: successive halving as it comes, without waiting for a rung to fill (Li et al., "A
// system for massively parallel hyperparameter tuning", MLSys 2020, in the form that stops trials), and
// Hyperband (Li et al., JMLR 18, 2018).
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "search/pruner_rules.hpp"

namespace nn::search {
namespace {

using Why = Decision::Why;

constexpr std::int64_t no_step = std::numeric_limits<std::int64_t>::max();

}  // namespace

std::size_t count_rungs(std::int64_t least, std::int64_t most, std::int64_t eta) {
  std::size_t rungs = 0;
  for (std::int64_t step = least; step <= most; step *= eta) {
    ++rungs;
    if (step > most / eta) break;
  }
  return rungs;
}

std::int64_t HalvingRule::rung_step(std::size_t rung) const {
  std::int64_t step = spec_.least;
  for (std::size_t k = static_cast<std::size_t>(spec_.skip) + rung; k > 0; --k) {
    if (step > no_step / spec_.eta) return no_step;
    step *= spec_.eta;
  }
  return spec_.most > 0 && step >= spec_.most ? no_step : step;
}

Decision HalvingRule::decide(std::uint32_t trial, const Curve& curve) {
  if (trial >= passed_.size()) passed_.resize(std::max<std::size_t>(trial + 1, passed_.size() * 2));
  const std::int64_t step = curve.steps.back();
  const double value = curve.values.back();
  Decision decision;
  for (std::uint8_t& rung = passed_[trial];; ++rung) {
    const std::int64_t at = rung_step(rung);
    if (step < at) {
      if (decision.why == Why::rung) return decision;
      const bool is_last = at == no_step;
      return {.why = is_last ? Why::last_rung : Why::between,
              .value = value,
              .limit = is_last ? decision.limit : static_cast<double>(at),
              .rung = rung,
              .bracket = bracket_};
    }
    if (std::isnan(value)) {
      return {.why = Why::not_a_number, .prune = true, .rung = rung, .bracket = bracket_};
    }
    if (rungs_.size() <= rung) rungs_.emplace_back();
    RankedValues& values = rungs_[rung];
    values.add(value);
    const std::size_t kept = std::max<std::size_t>(1, values.size() / static_cast<std::size_t>(spec_.eta));
    const std::size_t place = values.rank(value) + 1;
    decision = {.why = Why::rung,
                .prune = place > kept,
                .step = at,
                .value = value,
                .place = place,
                .count = values.size(),
                .kept = kept,
                .rung = rung,
                .bracket = bracket_};
    if (decision.prune) {
      ++rung;
      return decision;
    }
  }
}

Brackets::Brackets(std::int64_t least, std::int64_t most, std::int64_t eta) {
  const std::size_t brackets = count_rungs(least, most, eta);
  for (std::size_t b = 0; b < brackets; ++b) {
    const std::size_t s = brackets - 1 - b;
    const double trials = static_cast<double>(brackets) *
                          std::pow(static_cast<double>(eta), static_cast<double>(s)) /
                          static_cast<double>(s + 1);
    budgets_.push_back(std::ceil(trials));
    total_ += budgets_.back();
  }
  given_.resize(brackets);
}

std::size_t Brackets::of(std::uint32_t trial) {
  while (sequence_.size() <= trial) {
    // Next is the bracket that lacks most of its share.
    const double trials = static_cast<double>(sequence_.size()) + 1;
    std::size_t next = 0;
    double most_lacking = -1;
    for (std::size_t b = 0; b < size(); ++b) {
      const double lacking = trials * budgets_[b] / total_ - given_[b];
      if (lacking > most_lacking) {
        most_lacking = lacking;
        next = b;
      }
    }
    given_[next] += 1;
    sequence_.push_back(static_cast<std::uint8_t>(next));
  }
  return sequence_[trial];
}

HyperbandRule::HyperbandRule(const PrunerSpec& spec, BracketOf bracket_of)
    : bracket_of_(std::move(bracket_of)) {
  auto brackets = std::make_shared<Brackets>(spec.least, spec.most, spec.eta);
  for (std::size_t b = 0; b < brackets->size(); ++b) {
    PrunerSpec one = spec;
    one.skip = spec.skip + static_cast<std::int64_t>(b);
    brackets_.emplace_back(one, static_cast<int>(b));
  }
  if (!bracket_of_) {
    bracket_of_ = [brackets](std::uint32_t trial) { return brackets->of(trial); };
  }
}

Decision HyperbandRule::decide(std::uint32_t trial, const Curve& curve) {
  return brackets_[bracket_of_(trial)].decide(trial, curve);
}

}  // namespace nn::search
