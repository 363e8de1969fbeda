// Successive halving by promotion, over a journal: trials wait at a rung, paused, until they are among the
// best of it. For this module only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "search/brackets.hpp"
#include "search/promotion.hpp"
#include "sweep/fidelity.hpp"

namespace nn::sweep {

class Promoting : public Fidelity {
 public:
  explicit Promoting(const FidelityOf& of);

  void update(const study::StudyLog& log) override;
  std::optional<Stage> next(const IsThere& is_there, bool may_begin) override;
  double first_budget(std::uint32_t number) const override;
  bool waits(const study::Trial& trial) const override;
  bool needs_checkpoint(const study::Trial& trial) const override { return waits(trial); }
  std::vector<Leftover> leftovers() const override;
  bool needs(std::uint32_t trial) const override;
  std::string explain(std::uint32_t trial) const override;

 private:
  // What was taken of a trial.
  struct Fed {
    std::size_t checkpoints = 0;
    bool ended = false;
  };
  std::size_t bracket_of(std::uint32_t trial) const { return brackets_ ? brackets_->of(trial) : 0; }
  const search::Promotions& of(std::uint32_t trial) const { return rungs_[bracket_of(trial)]; }
  search::Promotions& of(std::uint32_t trial) { return rungs_[bracket_of(trial)]; }
  void take(const study::Trial& trial, Fed& fed);
  std::optional<search::Promotions::Job> promotable(const IsThere& is_there) const;
  std::optional<search::Promotions::Job> last_resort(const IsThere& is_there) const;
  std::optional<std::size_t> rung_at(std::uint32_t trial, double budget) const;
  std::string standing(const study::Trial& trial, std::size_t rung) const;

  double sign_;
  std::size_t eta_;
  mutable std::optional<search::Brackets> brackets_;  // it grows by being asked
  std::vector<search::Promotions> rungs_;             // by bracket
  std::vector<Fed> fed_;                              // by trial
  std::vector<std::uint32_t> open_;                   // those that may change
  const study::StudyLog* log_ = nullptr;
};

}  // namespace nn::sweep
