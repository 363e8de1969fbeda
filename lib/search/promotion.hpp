// Successive halving by promotion (Li et al., "A system for massively parallel hyperparameter tuning", MLSys
// 2020, algorithm 2): a trial runs to the first rung and waits there; the best of a rung go on to the next
// one, from their checkpoints. No trial is ever waited for: where nobody may go on, a new trial begins.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "search/pruner.hpp"

namespace nn::search {

// Not thread-safe. Each call costs about the logarithm of the number of trials.
class Promotions {
 public:
  // A trial that goes on, from its checkpoint at the rung before, up to `step`, which counts from its begin.
  struct Job {
    std::uint32_t trial;
    std::size_t rung;
    std::int64_t step;
  };
  // How a trial stands at a rung, for whoever wants to know why it goes on or not.
  struct Standing {
    double value;
    std::size_t place, count, kept;  // it is the place-th of count, of which `kept` may go on
    bool is_promoted;
  };

  // REQUIRES: a settled spec of promotion, whose `most` is the step of the last rung.
  explicit Promotions(const PrunerSpec& spec);

  std::size_t rungs() const { return rungs_.size(); }
  // The step up to which a trial runs for a rung. Of the last one it is that of the whole trial.
  std::int64_t step(std::size_t rung) const { return rungs_[rung].step; }

  // A trial has reached a rung; less is better, and NaN never goes on. One that `ended` by itself before the
  // rung's step counts there and is done. A second value of a trial at a rung changes nothing.
  void add(std::uint32_t trial, std::size_t rung, double value, bool ended = false);
  // It was sent on from this rung; so says a journal. next() has done so by itself.
  void promoted(std::uint32_t trial, std::size_t rung);
  // It failed, or its checkpoint is lost: it still counts, and never goes on.
  void drop(std::uint32_t trial);

  // The trial that goes on now, of the highest rung that has one, the best first; nothing where a new trial
  // is to begin, up to step(0).
  std::optional<Job> next();
  // The same of those that `may`, and nothing changes: promoted() says that it was done.
  std::optional<Job> find(const std::function<bool(std::uint32_t trial)>& may) const;
  std::optional<Standing> standing(std::uint32_t trial, std::size_t rung) const;

 private:
  using Entry = std::pair<double, std::uint32_t>;  // among equals the earlier trial is better
  struct Rung {
    std::int64_t step;
    std::set<Entry> kept, others;  // the best 1/eta, and the rest
    std::set<Entry> waiting;       // those of `kept` that may still go on
    std::vector<double> values;    // by trial; NaN: none
  };
  void keep_best(Rung& rung);
  bool may_go_on(std::uint32_t trial, std::size_t rung) const;
  // The highest rung from which a trial was sent on, and one more.
  std::size_t sent(std::uint32_t trial) const { return trial < sent_.size() ? sent_[trial] : 0; }
  void set_sent(std::uint32_t trial, std::size_t rungs);

  std::int64_t eta_;
  std::vector<Rung> rungs_;
  std::vector<std::uint8_t> sent_;  // by trial
};

}  // namespace nn::search
