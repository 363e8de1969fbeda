// Runs of trials without trials: what a coordinator takes, and what pruning saves.
//
//   bench-sweep simulate SLOTS TRIALS SECONDS lognormal|pareto|constant [SYNC_US]
//       a JSON object: how busy slots were, and what the coordinator took of a processor meanwhile
//   bench-sweep curves TABLE SEARCHES TRIALS WORKERS
//       a JSON object: the epochs of successive halving, as a part of those of random search; see curves.hpp
#include <fmt/format.h>

#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/numbers.hpp"
#include "curves.hpp"
#include "unit/sweep/simulator.hpp"

using namespace nn;

namespace {

// Times are heavy-tailed as those of trainings are: some take ten times as long as most.
double seconds_of(const std::string& distribution, double mean_s, RandomStream& random) {
  if (distribution == "lognormal") return test::lognormal_s(random, mean_s, 1);
  if (distribution == "pareto") return test::pareto_s(random, mean_s, 1.5);
  if (distribution == "constant") return mean_s;
  fail_usage("'{}' is no distribution; there are lognormal, pareto and constant", distribution);
}

void run_simulation(const std::vector<std::string>& words) {
  test::Simulation simulation;
  simulation.slots = static_cast<std::size_t>(parse_count(words.at(1), 1, 100'000));
  simulation.trials = static_cast<std::size_t>(parse_count(words.at(2), 1, 10'000'000));
  const double mean_s = parse_number(words.at(3));
  simulation.charge_processor = true;
  if (words.size() > 5) simulation.sync_s = 1e-6 * parse_number(words[5]);
  simulation.trial = [&](const sweep::StartTrial& /*trial*/, RandomStream& random) {
    test::SimulatedTrial life;
    life.seconds = seconds_of(words.at(4), mean_s, random);
    life.values = {random.uniform()};
    return life;
  };
  const test::SimulationResult result = test::simulate(simulation);
  fmt::print(
      "{{\"slots\": {}, \"finished\": {}, \"utilisation\": {:.5f}, \"virtual_s\": {:.3f}, \"processor_s\": "
      "{:.4f}, "
      "\"cores\": {:.5f}, \"syncs\": {}}}\n",
      simulation.slots, result.run.finished, result.utilisation, result.virtual_s, result.processor_s,
      result.cores, result.syncs);
}

void run_curves(const std::vector<std::string>& words) {
  const auto count = [&](std::size_t i) {
    return static_cast<std::size_t>(parse_count(words.at(i), 1, 1'000'000));
  };
  const bench::CurvesResult result = bench::replay_curves(words.at(1), count(2), count(3), count(4));
  fmt::print(
      "{{\"configurations\": {}, \"seeds\": {}, \"epochs\": {}, \"random\": {:.5f}, \"table\": {:.5f}, "
      "\"stopping\": {}, "
      "\"promotion\": {}, \"stopping_trials\": {}, \"promotion_trials\": {}}}\n",
      result.configurations, result.seeds, result.epochs, result.random_best, result.table_best,
      result.stopping, result.promotion, result.stopping_trials, result.promotion_trials);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  try {
    if (words.size() >= 5 && words[0] == "simulate") {
      run_simulation(words);
    } else if (words.size() == 5 && words[0] == "curves") {
      run_curves(words);
    } else {
      fail_usage(
          "usage: bench-sweep simulate SLOTS TRIALS SECONDS lognormal|pareto|constant [SYNC_US], or "
          "bench-sweep curves TABLE SEARCHES TRIALS WORKERS");
    }
  } catch (const Error& error) {
    fmt::print(stderr, "bench-sweep: {}\n", error.what());
    return exit_status(error.kind());
  }
}
