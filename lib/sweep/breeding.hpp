// Population based training over a journal: each generation of a member is a trial of its own, which goes on
// from the checkpoint of its parent. For this module only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "search/population.hpp"
#include "sweep/fidelity.hpp"

namespace nn::sweep {

class Breeding : public Fidelity {
 public:
  explicit Breeding(const FidelityOf& of);

  void update(const study::StudyLog& log) override;
  std::optional<Stage> next(const IsThere& is_there, bool may_begin) override;
  double first_budget(std::uint32_t /*number*/) const override { return interval_; }
  bool waits(const study::Trial& /*trial*/) const override { return false; }
  bool needs_checkpoint(const study::Trial& trial) const override { return !is_last(trial.budget); }
  bool is_done() const override;
  bool needs(std::uint32_t trial) const override;
  std::string explain(std::uint32_t trial) const override;

 private:
  struct Member {
    std::optional<std::uint32_t> latest;  // its generation
    std::optional<std::uint32_t> scored;  // the last one that came to its budget
  };
  bool is_last(double budget) const { return most_ > 0 && budget >= most_; }
  double budget_after(double budget) const;
  bool may_continue(std::size_t member) const;
  // Of all members, as it was then: of trials that had ended by then.
  std::vector<search::Member> scores(study::Date at = study::Date::max()) const;
  RandomStream random_for_next() const;
  std::optional<Stage> generation(std::size_t member, const IsThere& is_there) const;
  Stage going_on(std::size_t member) const;
  std::optional<Stage> clone(std::size_t member, std::size_t of, RandomStream& random) const;
  std::optional<std::uint32_t> generation_before(const study::Trial& trial) const;
  const study::Trial& trial(std::uint32_t number) const { return log_->trials[number]; }

  search::PrunerSpec spec_;
  const search::Space* space_;
  std::uint64_t seed_;
  double sign_, interval_, most_;
  std::vector<Member> members_;
  std::vector<std::uint32_t> open_;       // trials that may change
  std::vector<std::uint32_t> runs_from_;  // by trial, how many that run go on from it
  std::size_t known_ = 0;
  const study::StudyLog* log_ = nullptr;
};

}  // namespace nn::sweep
