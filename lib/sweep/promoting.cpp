#include "sweep/promoting.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace nn::sweep {

Promoting::Promoting(const FidelityOf& of)
    : sign_(of.direction == study::Direction::maximize ? -1 : 1),
      eta_(static_cast<std::size_t>(of.spec.eta)) {
  if (!of.spec.brackets) {
    rungs_.emplace_back(of.spec);
    return;
  }
  brackets_.emplace(of.spec.least, of.spec.most, of.spec.eta);
  for (std::size_t b = 0; b < brackets_->size(); ++b) {
    search::PrunerSpec one = of.spec;
    one.skip = static_cast<std::int64_t>(b);
    rungs_.emplace_back(one);
  }
}

// The highest that isn't over the budget: rungs of another rule, that the study had before, fall on one of
// ours.
std::optional<std::size_t> Promoting::rung_at(std::uint32_t trial, double budget) const {
  const search::Promotions& rungs = of(trial);
  std::optional<std::size_t> found;
  for (std::size_t k = 0; k < rungs.rungs(); ++k) {
    if (static_cast<double>(rungs.step(k)) <= budget) found = k;
  }
  return found;
}

void Promoting::take(const study::Trial& trial, Fed& fed) {
  search::Promotions& rungs = of(trial.number);
  for (; fed.checkpoints < trial.checkpoints.size(); ++fed.checkpoints) {
    const study::Checkpoint& at = trial.checkpoints[fed.checkpoints];
    const auto rung = rung_at(trial.number, at.budget);
    if (!rung) continue;
    // Others may have sent it here and come to the end of that since we looked.
    if (*rung > 0) rungs.promoted(trial.number, *rung - 1);
    rungs.add(trial.number, *rung, sign_ * at.value);
  }
  if (trial.state == study::State::running) {
    if (trial.paused || trial.checkpoints.empty()) return;
    const auto rung = rung_at(trial.number, trial.checkpoints.back().budget);
    if (rung && trial.budget > trial.checkpoints.back().budget) rungs.promoted(trial.number, *rung);
    return;
  }
  fed.ended = true;
  const auto rung = rung_at(trial.number, trial.budget);
  if (rung && *rung > 0 && trial.state == study::State::complete) rungs.promoted(trial.number, *rung - 1);
  if (trial.state == study::State::complete && rung && !trial.values.empty())
    rungs.add(trial.number, *rung, sign_ * trial.values[0], true);
  rungs.drop(trial.number);
}

void Promoting::update(const study::StudyLog& log) {
  log_ = &log;
  const std::size_t known = fed_.size();
  fed_.resize(log.trials.size());
  for (std::size_t t = known; t < log.trials.size(); ++t) open_.push_back(static_cast<std::uint32_t>(t));
  std::erase_if(open_, [&](std::uint32_t number) {
    const study::Trial& trial = log.trials[number];
    if (trial.state == study::State::waiting) return false;
    // Nobody but nn-sweep runs a trial in stages.
    if (trial.attempt == 0 || std::isnan(trial.budget)) return trial.is_finished();
    take(trial, fed_[number]);
    return fed_[number].ended;
  });
}

std::optional<search::Promotions::Job> Promoting::promotable(const IsThere& is_there) const {
  std::optional<search::Promotions::Job> best;
  for (const search::Promotions& rungs : rungs_) {
    const auto job = rungs.find([&](std::uint32_t number) {
      const study::Trial& trial = log_->trials[number];
      return trial.paused && is_there(trial);
    });
    if (job && (!best || job->step > best->step)) best = job;
  }
  return best;
}

// Of few trials none may come to the last rung. So that there is one that is trained to its end, the best
// that waits at the highest rung goes on, where no other will come.
std::optional<search::Promotions::Job> Promoting::last_resort(const IsThere& is_there) const {
  if (log_->count(study::State::complete) > 0) return std::nullopt;
  std::optional<search::Promotions::Job> best;
  double least = 0;
  for (const std::uint32_t number : open_) {
    const study::Trial& trial = log_->trials[number];
    if (trial.attempt == 0 || trial.state != study::State::running) continue;
    if (!trial.paused) return std::nullopt;  // it may yet come
    const auto rung = rung_at(number, trial.budget);
    if (!rung || !waits(trial) || trial.checkpoints.empty()) continue;
    const double value = sign_ * trial.checkpoints.back().value;
    const std::int64_t step = of(number).step(*rung + 1);
    const bool is_better = !best || step > best->step || (step == best->step && value < least);
    if (std::isnan(value) || !is_better) continue;
    best = search::Promotions::Job{number, *rung + 1, step};
    least = value;
  }
  if (best && !is_there(log_->trials[best->trial])) return std::nullopt;
  return best;
}

std::optional<Stage> Promoting::next(const IsThere& is_there, bool may_begin) {
  auto job = promotable(is_there);
  if (!job && may_begin) return Stage{};
  if (!job && !promotable([](const study::Trial&) { return true; })) job = last_resort(is_there);
  if (!job) return std::nullopt;
  Stage stage;
  stage.is = Stage::Is::promoted;
  stage.budget = static_cast<double>(job->step);
  stage.from = {job->trial, log_->trials[job->trial].attempt};
  return stage;
}

double Promoting::first_budget(std::uint32_t number) const { return static_cast<double>(of(number).step(0)); }

bool Promoting::waits(const study::Trial& trial) const {
  const search::Promotions& rungs = of(trial.number);
  return trial.budget < static_cast<double>(rungs.step(rungs.rungs() - 1));
}

std::string Promoting::standing(const study::Trial& trial, std::size_t rung) const {
  const search::Promotions& rungs = of(trial.number);
  const auto standing = rungs.standing(trial.number, rung);
  if (!standing) return fmt::format("at step {} it has no value", rungs.step(rung));
  search::Decision decision;
  decision.why = search::Decision::Why::rung;
  decision.value = sign_ * standing->value;
  decision.step = rungs.step(rung);
  decision.place = standing->place;
  decision.count = standing->count;
  decision.kept = standing->kept;
  decision.bracket = brackets_ ? static_cast<int>(bracket_of(trial.number)) : -1;
  const bool is_last_resort = standing->place > standing->kept && rung_at(trial.number, trial.budget) != rung;
  const char* more = is_last_resort ? "; no other came to the end, and it was the best that waited" : "";
  if (standing->kept > 0) return to_string(decision) + more;
  return fmt::format("{} is one of {} at step {}, and none goes on of fewer than {}{}", decision.value,
                     standing->count, decision.step, eta_, more);
}

std::vector<Leftover> Promoting::leftovers() const {
  std::vector<Leftover> all;
  for (const std::uint32_t number : open_) {
    const study::Trial& trial = log_->trials[number];
    if (!trial.paused || trial.attempt == 0) continue;
    const auto rung = rung_at(number, trial.budget);
    std::string reason = "pruned: " + (rung ? standing(trial, *rung) : "it is at no rung");
    if (of(number).find([number](std::uint32_t other) { return other == number; }))
      reason += fmt::format(", but its checkpoint is on {}", host_of(trial.slot));
    all.push_back({{number, trial.attempt}, std::move(reason)});
  }
  return all;
}

bool Promoting::needs(std::uint32_t trial) const { return !log_->trials[trial].is_finished(); }

std::string Promoting::explain(std::uint32_t number) const {
  const study::Trial& trial = log_->trials[number];
  const search::Promotions& rungs = of(number);
  std::string out;
  for (std::size_t k = 0; k < rungs.rungs(); ++k) {
    const auto standing_there = rungs.standing(number, k);
    if (!standing_there) continue;
    const bool is_last = k + 1 == rungs.rungs();
    const bool is_here = rung_at(number, trial.budget) == k;
    const char* what = !is_here || standing_there->is_promoted ? "went on"
                       : trial.state == study::State::complete ? "complete"
                       : trial.is_finished()                   ? "ended"
                                                               : "waits";
    out += fmt::format(
        "step {}: {}: {}\n", rungs.step(k), what,
        is_last ? fmt::format("{} is number {} of {} there, at the last rung", sign_ * standing_there->value,
                              standing_there->place, standing_there->count)
                : standing(trial, k));
  }
  if (trial.state == study::State::running && !trial.paused)
    out += fmt::format("step {}: runs up to there, attempt {}\n", trial.budget, trial.attempt);
  return out;
}

}  // namespace nn::sweep
