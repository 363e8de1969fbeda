// The rules of pruners, as Optuna 5 has them. Values are less-is-better in all of them. For this module and
// its tests only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "search/brackets.hpp"
#include "search/pruner.hpp"
#include "search/ranked_values.hpp"

namespace nn::search {

std::unique_ptr<PruningRule> make_rule(const PrunerSpec& spec, bool maximize);

// At warmup, warmup + interval, …: the first report in each such interval is decided about.
struct Intervals {
  std::int64_t warmup, interval;
  // Nothing where the last step of the curve is one to decide at; else why it isn't.
  std::optional<Decision> before(const Curve& curve) const;
};

class PercentileRule : public PruningRule {
 public:
  PercentileRule(const PrunerSpec& spec, bool maximize)
      : spec_(spec), intervals_{spec.warmup, spec.interval}, maximize_(maximize) {}
  Decision decide(std::uint32_t trial, const Curve& curve) override;
  void end(std::uint32_t trial, const Curve& curve, TrialEnd how, double value) override;

 private:
  struct Step {
    RankedValues values;
    std::size_t reports = 0;  // with those that are no number
  };
  PrunerSpec spec_;
  Intervals intervals_;
  bool maximize_;
  std::size_t complete_ = 0;
  std::unordered_map<std::int64_t, Step> steps_;  // of trials that are complete
};

// Of all trials at the same step, running ones too, those go on whose average so far is in the best part:
// the rule of Google Vizier (Golovin et al., KDD 2017, section 3.2.2), as Syne Tune has it.
class AverageRule : public PruningRule {
 public:
  explicit AverageRule(const PrunerSpec& spec) : spec_(spec), intervals_{spec.warmup, spec.interval} {}
  Decision decide(std::uint32_t trial, const Curve& curve) override;
  void end(std::uint32_t trial, const Curve& curve, TrialEnd how, double value) override;

 private:
  PrunerSpec spec_;
  Intervals intervals_;
  std::unordered_map<std::int64_t, RankedValues> steps_;
  std::unordered_map<std::uint32_t, double> sums_;  // of trials that run
};

class ThresholdRule : public PruningRule {
 public:
  ThresholdRule(double lower, double upper, Intervals intervals)
      : lower_(lower), upper_(upper), intervals_(intervals) {}
  Decision decide(std::uint32_t trial, const Curve& curve) override;

 private:
  double lower_, upper_;
  Intervals intervals_;
};

class PatientRule : public PruningRule {
 public:
  // `inner` decides about trials that were no better; without one they are pruned.
  PatientRule(std::size_t patience, double delta, std::unique_ptr<PruningRule> inner)
      : patience_(patience), delta_(delta), inner_(std::move(inner)) {}
  Decision decide(std::uint32_t trial, const Curve& curve) override;
  void end(std::uint32_t trial, const Curve& curve, TrialEnd how, double value) override;

 private:
  std::size_t patience_;
  double delta_;
  std::unique_ptr<PruningRule> inner_;
};

// Rungs are at least * eta^(skip + k), below `most`, where that isn't 0.
class HalvingRule : public PruningRule {
 public:
  explicit HalvingRule(const PrunerSpec& spec, int bracket = -1) : spec_(spec), bracket_(bracket) {}
  Decision decide(std::uint32_t trial, const Curve& curve) override;

 private:
  std::int64_t rung_step(std::size_t rung) const;  // INT64_MAX: there is none
  PrunerSpec spec_;
  int bracket_;
  std::vector<RankedValues> rungs_;
  std::vector<std::uint8_t> passed_;  // by trial, how many rungs it has a value in
};

class HyperbandRule : public PruningRule {
 public:
  using BracketOf = std::function<std::size_t(std::uint32_t trial)>;
  // Without `bracket_of` that of Brackets.
  explicit HyperbandRule(const PrunerSpec& spec, BracketOf bracket_of = nullptr);
  Decision decide(std::uint32_t trial, const Curve& curve) override;

 private:
  BracketOf bracket_of_;
  std::vector<HalvingRule> brackets_;
};

class WilcoxonRule : public PruningRule {
 public:
  explicit WilcoxonRule(const PrunerSpec& spec) : spec_(spec) {}
  Decision decide(std::uint32_t trial, const Curve& curve) override;
  void end(std::uint32_t trial, const Curve& curve, TrialEnd how, double value) override;

 private:
  PrunerSpec spec_;
  bool has_best_ = false;
  double best_value_ = 0;
  Curve best_;
};

// The probability that differences which are as likely over as below 0 have ranks as high above it as these,
// or higher: the signed-rank test with zeros split (SciPy's zero_method="zsplit"), exact up to 50
// differences, or 13 where some are equal in size or 0, else by the normal distribution.
double signed_rank_probability(const std::vector<double>& differences);

}  // namespace nn::search
