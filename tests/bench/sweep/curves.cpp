#include "curves.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <vector>

#include "../engine/timing.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "search/promotion.hpp"
#include "search/pruner.hpp"

namespace bench {
namespace {

using nn::RandomStream;
using nn::RandomUse;
using nn::search::Promotions;
using nn::search::Pruner;
using nn::search::PrunerSpec;
using nn::search::TrialEnd;

using Curve = std::vector<double>;

struct Configuration {
  std::vector<Curve> curves;  // by seed
  double last = 0;            // the mean of the last values
};

std::vector<Configuration> read_table(const std::string& path) {
  std::ifstream file(path);
  std::map<std::size_t, Configuration> found;
  std::size_t epochs = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::size_t number = 0, seed = 0;
    words >> number >> seed;
    Curve curve;
    for (double value = 0; words >> value;) curve.push_back(value);
    if (curve.empty() || (epochs > 0 && curve.size() != epochs))
      nn::fail_data("{}: this is no table of curves", path);
    epochs = curve.size();
    found[number].curves.push_back(std::move(curve));
  }
  if (found.empty()) nn::fail_data("{}: there are no curves", path);
  std::vector<Configuration> table;
  for (auto& [number, configuration] : found) {
    for (const Curve& curve : configuration.curves) configuration.last += curve.back();
    configuration.last /= static_cast<double>(configuration.curves.size());
    table.push_back(std::move(configuration));
  }
  return table;
}

// One search: configurations in an order of its own, one after the other, and how good the best was after
// each epoch.
class Search {
 public:
  Search(const std::vector<Configuration>& table, std::uint64_t seed, std::size_t most_epochs)
      : table_(table), random_(seed, RandomUse::propose), most_epochs_(most_epochs), order_(table.size()) {
    nn::shuffle_indices(order_, random_);
  }

  bool is_over() const { return best_.size() >= most_epochs_; }
  // The number of a trial that begins.
  std::uint32_t begin() {
    const Configuration& configuration = table_[order_[trials_.size() % order_.size()]];
    trials_.push_back({&configuration, &configuration.curves[random_.below(configuration.curves.size())]});
    return static_cast<std::uint32_t>(trials_.size() - 1);
  }
  // One more epoch of it; what it reports, less being better.
  double step(std::uint32_t trial) {
    Trial& one = trials_[trial];
    const double value = (*one.curve)[one.epochs++];
    if (one.epochs == one.curve->size() && value > best_value_) {
      best_value_ = value;
      best_last_ = one.configuration->last;
    }
    if (!is_over()) {
      best_.push_back(best_last_);
      begun_.push_back(static_cast<double>(trials_.size()));
    }
    return -value;
  }
  std::int64_t epochs(std::uint32_t trial) const { return static_cast<std::int64_t>(trials_[trial].epochs); }
  bool is_finished(std::uint32_t trial) const {
    return trials_[trial].epochs == trials_[trial].curve->size();
  }
  const std::vector<double>& best() const { return best_; }
  const std::vector<double>& begun() const { return begun_; }

 private:
  struct Trial {
    const Configuration* configuration;
    const Curve* curve;
    std::size_t epochs = 0;
  };
  const std::vector<Configuration>& table_;
  RandomStream random_;
  std::size_t most_epochs_;
  std::vector<std::uint32_t> order_;
  std::vector<Trial> trials_;
  std::vector<double> best_, begun_;  // after each epoch
  double best_value_ = -1, best_last_ = 0;
};

void search_at_random(Search& search) {
  while (!search.is_over()) {
    const std::uint32_t trial = search.begin();
    while (!search.is_finished(trial)) search.step(trial);
  }
}

void search_by_stopping(Search& search, const PrunerSpec& spec, std::size_t workers) {
  Pruner pruner(spec);
  std::vector<std::optional<std::uint32_t>> running(workers);
  while (!search.is_over()) {
    for (auto& trial : running) {
      if (!trial) trial = search.begin();
      const double value = search.step(*trial);
      const bool prune = pruner.report(*trial, search.epochs(*trial), value).prune;
      if (!prune && !search.is_finished(*trial)) continue;
      pruner.end(*trial, prune ? TrialEnd::pruned : TrialEnd::complete, value);
      trial.reset();
    }
  }
}

void search_by_promotion(Search& search, const PrunerSpec& spec, std::size_t workers) {
  Promotions promotions(spec);
  std::vector<std::optional<Promotions::Job>> running(workers);
  while (!search.is_over()) {
    for (auto& job : running) {
      if (!job) job = promotions.next();
      if (!job) job = Promotions::Job{search.begin(), 0, promotions.step(0)};
      const double value = search.step(job->trial);
      if (search.epochs(job->trial) < job->step) continue;
      promotions.add(job->trial, job->rung, value);
      job.reset();
    }
  }
}

std::vector<double> medians(const std::vector<std::vector<double>>& searches) {
  std::vector<double> all;
  for (std::size_t e = 0; e < searches[0].size(); ++e) {
    std::vector<double> values;
    for (const auto& search : searches) values.push_back(search[e]);
    all.push_back(median(values));
  }
  return all;
}

// From which epoch on it is always as good as that.
std::size_t epochs_until(const std::vector<double>& best, double as_good_as) {
  std::size_t e = best.size();
  while (e > 0 && best[e - 1] >= as_good_as) --e;
  return e;
}

}  // namespace

CurvesResult replay_curves(const std::string& path, std::size_t searches, std::size_t trials,
                           std::size_t workers) {
  const std::vector<Configuration> table = read_table(path);
  CurvesResult result;
  result.configurations = table.size();
  result.seeds = table[0].curves.size();
  result.epochs = table[0].curves[0].size();
  for (const Configuration& c : table) result.table_best = std::max(result.table_best, c.last);
  const std::size_t most_epochs = trials * result.epochs;
  PrunerSpec stop = PrunerSpec::parse("asha:1"), promote = PrunerSpec::parse("asha:1:promote");
  for (PrunerSpec* spec : {&stop, &promote}) spec->settle(static_cast<std::int64_t>(result.epochs));

  const auto replay = [&](const auto& run, double& trials_begun, std::optional<double> as_good_as) {
    std::vector<std::vector<double>> best, begun;
    for (std::uint64_t seed = 0; seed < searches; ++seed) {
      Search search(table, seed, most_epochs);
      run(search);
      best.push_back(search.best());
      begun.push_back(search.begun());
    }
    const std::vector<double> median_best = medians(best);
    if (!as_good_as) return median_best.back();
    const std::size_t epochs = epochs_until(median_best, *as_good_as);
    if (epochs == median_best.size()) return std::numeric_limits<double>::infinity();
    trials_begun = medians(begun)[epochs];
    return static_cast<double>(epochs + 1) / static_cast<double>(most_epochs);
  };
  double all = 0;
  result.random_best = replay([](Search& s) { search_at_random(s); }, all, {});
  result.stopping = replay([&](Search& s) { search_by_stopping(s, stop, workers); }, result.stopping_trials,
                           result.random_best);
  result.promotion = replay([&](Search& s) { search_by_promotion(s, promote, workers); },
                            result.promotion_trials, result.random_best);
  return result;
}

}  // namespace bench
