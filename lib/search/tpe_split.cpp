// Which trials are good.
#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <tuple>
#include <utility>

#include "search/pareto.hpp"
#include "search/tpe.hpp"

namespace nn::search {
namespace {

using Places = std::vector<std::size_t>;

// Moves the `count` best, or all that there are, to `below`, and the others to `above`. Equal ones count as
// in their order.
template <typename Key>
void split_by(const Places& trials, std::size_t count, TpeSplit& split, const Key& key) {
  std::vector<std::pair<decltype(key(0)), std::size_t>> keyed;
  keyed.reserve(trials.size());
  for (const std::size_t trial : trials) keyed.emplace_back(key(trial), trial);
  const auto middle = keyed.begin() + static_cast<std::ptrdiff_t>(std::min(count, keyed.size()));
  if (middle != keyed.end()) std::nth_element(keyed.begin(), middle, keyed.end());
  for (auto k = keyed.begin(); k != keyed.end(); ++k) {
    (k < middle ? split.below : split.above).push_back(k->second);
  }
}

// A little worse than the worst in each objective.
Losses reference_of(const std::vector<Losses>& trials) {
  Losses reference = trials[0];
  for (const Losses& trial : trials) {
    for (std::size_t o = 0; o < trial.size(); ++o) reference[o] = std::max(reference[o], trial[o]);
  }
  for (double& x : reference) {
    x = std::max(1.1 * x, 0.9 * x);
    if (x == 0) x = 1e-12;
  }
  return reference;
}

void split_by_domination(const History& history, const Places& trials, std::size_t count, TpeSplit& split) {
  std::vector<Losses> losses;
  for (const std::size_t trial : trials) {
    Losses& loss = losses.emplace_back();
    for (const auto& column : history.values) loss.push_back(column[trial]);
  }
  count = std::min(count, trials.size());
  const auto ranks = domination_ranks(losses, count);
  // Whole ranks as long as they fit, and of the next one those that cover most.
  std::size_t rank = 0, taken = 0;
  for (;; ++rank) {
    const auto size = static_cast<std::size_t>(std::count(ranks.begin(), ranks.end(), rank));
    if (size == 0 || taken + size > count) break;
    taken += size;
  }
  std::vector<bool> is_below(trials.size());
  Places tied;
  std::vector<Losses> tied_losses;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    is_below[i] = ranks[i] < rank;
    if (ranks[i] != rank) continue;
    tied.push_back(i);
    tied_losses.push_back(losses[i]);
  }
  if (taken < count) {
    for (const std::size_t t : greatest_hypervolume(tied_losses, count - taken, reference_of(tied_losses))) {
      is_below[tied[t]] = true;
    }
  }
  for (std::size_t i = 0; i < trials.size(); ++i) {
    (is_below[i] ? split.below : split.above).push_back(trials[i]);
  }
}

}  // namespace

TpeSplit split_trials(const History& history, std::size_t count) {
  TpeSplit split;
  Places complete, pruned, exceeding;
  for (std::size_t trial = 0; trial < history.size(); ++trial) {
    if (history.states[trial] == TrialState::running) {
      split.above.push_back(trial);
    } else if (history.violations[trial] > 0) {
      exceeding.push_back(trial);
    } else {
      (history.states[trial] == TrialState::complete ? complete : pruned).push_back(trial);
    }
  }
  const auto left = [&] { return count - std::min(count, split.below.size()); };
  if (history.values.size() == 1) {
    split_by(complete, left(), split, [&](std::size_t t) { return history.values[0][t]; });
  } else {
    split_by_domination(history, complete, left(), split);
  }
  split_by(pruned, left(), split, [&](std::size_t t) {
    if (history.last_steps[t] < 0) return std::pair(1.0, 0.0);  // without a report
    const double value = history.last_values[t];
    return std::pair(-history.last_steps[t],
                     std::isnan(value) ? std::numeric_limits<double>::infinity() : value);
  });
  split_by(exceeding, left(), split, [&](std::size_t t) { return history.violations[t]; });
  // In the order of the history, without sorting most of it.
  std::sort(split.below.begin(), split.below.end());
  split.above.clear();
  split.above.reserve(history.size());
  auto below = split.below.begin();
  for (std::size_t trial = 0; trial < history.size(); ++trial) {
    if (below != split.below.end() && *below == trial) {
      ++below;
    } else {
      split.above.push_back(trial);
    }
  }
  return split;
}

}  // namespace nn::search
