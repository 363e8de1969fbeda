#include "search/promotion.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "search/brackets.hpp"

namespace nn::search {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();
constexpr double worst = std::numeric_limits<double>::infinity();
constexpr std::uint8_t never_again = 255;

}  // namespace

Promotions::Promotions(const PrunerSpec& spec) : eta_(spec.eta) {
  const std::size_t count = count_rungs(spec.least, spec.most, spec.eta);
  std::int64_t step = spec.least;
  for (std::size_t k = 0; k < count; ++k) {
    if (k >= static_cast<std::size_t>(spec.skip)) rungs_.push_back({step, {}, {}, {}, {}});
    if (k + 1 < count) step *= eta_;
  }
  // A whole trial ends where it is told to, even if that is no power of eta.
  if (rungs_.empty() || rungs_.back().step < spec.most) rungs_.push_back({spec.most, {}, {}, {}, {}});
}

void Promotions::set_sent(std::uint32_t trial, std::size_t rungs) {
  if (trial >= sent_.size()) sent_.resize(trial + std::size_t{1});
  sent_[trial] = std::max(sent_[trial], static_cast<std::uint8_t>(rungs));
}

bool Promotions::may_go_on(std::uint32_t trial, std::size_t rung) const {
  return rung + 1 < rungs_.size() && sent(trial) <= rung && rungs_[rung].values[trial] < worst;
}

void Promotions::add(std::uint32_t trial, std::size_t rung, double value, bool ended) {
  Rung& at = rungs_[rung];
  if (trial >= at.values.size()) at.values.resize(trial + std::size_t{1}, none);
  if (!std::isnan(at.values[trial])) return;
  if (ended) set_sent(trial, never_again);
  at.values[trial] = std::isnan(value) ? worst : value;
  at.others.insert({at.values[trial], trial});
  keep_best(at);
}

// One was added to `others`: at most one more is kept, and one may take another's place.
void Promotions::keep_best(Rung& rung) {
  const auto index = static_cast<std::size_t>(&rung - rungs_.data());
  const std::size_t count = rung.kept.size() + rung.others.size();
  const auto take = [&] {
    const Entry best = *rung.others.begin();
    rung.others.erase(rung.others.begin());
    rung.kept.insert(best);
    if (may_go_on(best.second, index)) rung.waiting.insert(best);
  };
  if (rung.kept.size() < count / static_cast<std::size_t>(eta_)) take();
  while (!rung.kept.empty() && !rung.others.empty() && *rung.others.begin() < *rung.kept.rbegin()) {
    const Entry last = *rung.kept.rbegin();
    rung.kept.erase(last);
    rung.waiting.erase(last);
    take();
    rung.others.insert(last);
  }
}

void Promotions::promoted(std::uint32_t trial, std::size_t rung) {
  set_sent(trial, rung + 1);
  for (std::size_t k = 0; k <= rung && k < rungs_.size(); ++k) {
    if (trial < rungs_[k].values.size()) rungs_[k].waiting.erase({rungs_[k].values[trial], trial});
  }
}

void Promotions::drop(std::uint32_t trial) {
  promoted(trial, rungs_.size() - 1);
  set_sent(trial, never_again);
}

std::optional<Promotions::Job> Promotions::find(const std::function<bool(std::uint32_t trial)>& may) const {
  for (std::size_t rung = rungs_.size(); rung-- > 0;) {
    for (const auto& [value, trial] : rungs_[rung].waiting) {
      if (may(trial)) return Job{trial, rung + 1, rungs_[rung + 1].step};
    }
  }
  return std::nullopt;
}

std::optional<Promotions::Job> Promotions::next() {
  const auto job = find([](std::uint32_t) { return true; });
  if (job) promoted(job->trial, job->rung - 1);
  return job;
}

std::optional<Promotions::Standing> Promotions::standing(std::uint32_t trial, std::size_t rung) const {
  const Rung& at = rungs_[rung];
  if (trial >= at.values.size() || std::isnan(at.values[trial])) return std::nullopt;
  const Entry entry{at.values[trial], trial};
  // It is linear in the rung's size, which is enough for a person that asks.
  const auto& part = at.kept.count(entry) > 0 ? at.kept : at.others;
  const auto before = static_cast<std::size_t>(std::distance(part.begin(), part.find(entry)));
  return Standing{.value = entry.first,
                  .place = before + 1 + (&part == &at.others ? at.kept.size() : 0),
                  .count = at.kept.size() + at.others.size(),
                  .kept = at.kept.size(),
                  .is_promoted = sent(trial) > rung && sent(trial) != never_again};
}

}  // namespace nn::search
