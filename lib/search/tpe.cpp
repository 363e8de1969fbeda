#include "search/tpe.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

namespace nn::search {
namespace {

constexpr std::size_t candidate_count = 24;
constexpr std::size_t most_below = 25;
constexpr std::size_t full_weight = 25;    // of the newest trials
constexpr std::size_t most_above = 10000;  // up to here all are in the model
constexpr std::size_t kept_above = 2000;   // of more: half of them the newest, half the best of the others

}  // namespace

std::size_t count_below(std::size_t ended, std::size_t objectives, TpeVariant variant) {
  const double part = variant == TpeVariant::optuna ? 0.1 : 0.15;
  const auto count = static_cast<std::size_t>(std::ceil(part * static_cast<double>(ended)));
  return objectives > 1 ? count : std::min(count, most_below);
}

std::vector<double> age_weights(std::size_t trials) {
  std::vector<double> weights(trials + 1, 1);
  if (trials < full_weight) return weights;
  const std::size_t rising = trials - full_weight;
  const double first = 1 / static_cast<double>(trials);
  for (std::size_t i = 0; i < rising; ++i) {
    const double part = rising == 1 ? 0 : static_cast<double>(i) / static_cast<double>(rising - 1);
    weights[i] = first + part * (1 - first);
  }
  return weights;
}

Tpe::Tpe(const Space& space, const History& history, TpeVariant variant)
    : space_(space), history_(history), variant_(variant) {
  const auto running = std::count(history.states.begin(), history.states.end(), TrialState::running);
  const std::size_t ended = history.size() - static_cast<std::size_t>(running);
  split_ = split_trials(history, count_below(ended, history.values.size(), variant));
  std::vector<std::size_t>& above = split_.above;
  if (above.size() <= most_above) return;
  const auto newest = above.end() - static_cast<std::ptrdiff_t>(kept_above / 2);
  const auto best = above.begin() + static_cast<std::ptrdiff_t>(kept_above / 2);
  const auto badness = [&](std::size_t trial) {
    return history.states[trial] == TrialState::complete && history.violations[trial] <= 0
               ? history.values[0][trial]
               : std::numeric_limits<double>::infinity();
  };
  std::nth_element(above.begin(), best, newest, [&](std::size_t a, std::size_t b) {
    return std::pair(badness(a), a) < std::pair(badness(b), b);
  });
  above.erase(best, newest);
  std::sort(above.begin(), above.end());
}

std::vector<std::vector<std::size_t>> Tpe::groups() const {
  if (history_.values.size() == 1) return space_.groups();
  std::vector<std::vector<std::size_t>> alone;
  for (const auto& group : space_.groups()) {
    for (const std::size_t p : group) alone.push_back({p});
  }
  return alone;
}

std::vector<double> Tpe::weights(const std::vector<std::size_t>& trials, bool good) const {
  const bool several = history_.values.size() > 1;
  if (variant_ == TpeVariant::optuna) {
    return good && several ? std::vector<double>(trials.size() + 1, 1) : age_weights(trials.size());
  }
  std::vector<double> weights(trials.size(), 1);
  if (good && !several && !trials.empty()) {
    // By how much it is better than the best of the others.
    double best = std::numeric_limits<double>::infinity();
    for (const std::size_t trial : split_.above) {
      if (history_.states[trial] == TrialState::complete) best = std::min(best, history_.values[0][trial]);
    }
    for (std::size_t i = 0; i < trials.size(); ++i) {
      const double gain = best - history_.values[0][trials[i]];
      weights[i] = std::isfinite(gain) ? std::max(gain, 1e-12) : 1e-12;
    }
  }
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  weights.push_back(weights.empty() ? 1 : sum / static_cast<double>(weights.size()));
  return weights;
}

ParzenEstimator Tpe::estimator(const std::vector<std::size_t>& group, const std::vector<std::size_t>& trials,
                               bool good) const {
  std::vector<std::size_t> known;  // that have all of them
  known.reserve(trials.size());
  for (const std::size_t trial : trials) {
    const bool has_all = std::none_of(
        group.begin(), group.end(), [&](std::size_t p) { return std::isnan(history_.parameters[p][trial]); });
    if (has_all) known.push_back(trial);
  }
  Columns observed;
  std::vector<const Parameter*> parameters;
  for (const std::size_t p : group) {
    parameters.push_back(&space_.parameters()[p]);
    auto& column = observed.emplace_back();
    column.reserve(known.size() + ParzenEstimator::lanes);  // for the estimator's prior
    for (const std::size_t trial : known) column.push_back(history_.parameters[p][trial]);
  }
  return ParzenEstimator(parameters, observed, weights(known, good),
                         variant_ == TpeVariant::optuna ? Bandwidths::optuna : Bandwidths::watanabe);
}

std::vector<std::vector<double>> Tpe::candidates(const std::vector<std::size_t>& group,
                                                 RandomStream& random) const {
  const ParzenEstimator good = estimator(group, split_.below, true);
  const ParzenEstimator bad = estimator(group, split_.above, false);
  const Columns points = good.sample(candidate_count, random);
  std::vector<double> gains = good.log_density(points);
  const std::vector<double> bad_densities = bad.log_density(points);
  for (std::size_t c = 0; c < gains.size(); ++c) gains[c] -= bad_densities[c];

  std::vector<std::size_t> order(gains.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return gains[a] > gains[b]; });
  std::vector<std::vector<double>> ranked;
  for (const std::size_t c : order) {
    std::vector<double> values;
    for (const auto& column : points) values.push_back(column[c]);
    if (std::find(ranked.begin(), ranked.end(), values) == ranked.end()) ranked.push_back(std::move(values));
  }
  return ranked;
}

}  // namespace nn::search
