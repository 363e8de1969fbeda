// Whole runs in no time: every slot is busy, every trial ends once, and the same seed gives the same journal.
#include "simulator.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>
#include <string>

#include "catch.hpp"

using namespace nn;
using namespace nn::test;

namespace {

SimulatedTrial heavy_tailed(const sweep::StartTrial& trial, RandomStream& random) {
  SimulatedTrial life;
  life.seconds = trial.trial % 2 == 0 ? lognormal_s(random, 10, 1.5) : pareto_s(random, 10, 1.5);
  life.values = {random.uniform()};
  return life;
}

// A curve that falls to x, the faster the nearer to 0.5 another number is.
SimulatedTrial curve(const sweep::StartTrial& trial, RandomStream& random) {
  const double x = std::strtod(trial.words.at(1).c_str(), nullptr);
  SimulatedTrial life;
  life.seconds = lognormal_s(random, 27, 0.5);
  for (int epoch = 1; epoch <= 27; ++epoch) life.values.push_back(x + std::exp(-0.1 * epoch));
  return life;
}

}  // namespace

TEST_CASE("slots are busy while there are trials, and each of them ends once") {
  struct Case {
    std::size_t slots, trials;
  };
  for (const auto& [slots, trials] : {Case{1, 40}, Case{8, 300}, Case{100, 1500}}) {
    INFO(slots << " slots");
    Simulation simulation;
    simulation.slots = slots;
    simulation.trials = trials;
    simulation.trial = heavy_tailed;
    const SimulationResult result = simulate(simulation);
    CHECK(result.utilisation >= 0.99);
    CHECK(result.run.finished == trials);
    REQUIRE(result.trials.size() == trials);
    for (const SimulatedEnd& trial : result.trials) {
      CHECK(trial.state == study::State::complete);
      CHECK(trial.attempt == 1);
    }
    std::size_t ends = 0;
    for (std::size_t at = 0; (at = result.journal.find("\"op_code\":6", at)) != std::string::npos; ++at)
      ++ends;
    CHECK(ends == trials);
  }
}

TEST_CASE("the same seed gives the same journal, and another one another") {
  Simulation simulation;
  simulation.slots = 8;
  simulation.trials = 60;
  simulation.sampler.kind = search::SamplerKind::tpe;
  simulation.trial = heavy_tailed;
  const std::string journal = simulate(simulation).journal;
  CHECK(simulate(simulation).journal == journal);
  simulation.seed = 2;
  CHECK(simulate(simulation).journal != journal);
}

TEST_CASE("short trials follow each other at their slot, though the disk is slow") {
  Simulation simulation;
  simulation.slots = 2;
  simulation.trials = 1000;
  simulation.sync_s = 0.002;
  simulation.trial = [](const sweep::StartTrial& /*trial*/, RandomStream& random) {
    SimulatedTrial life;
    life.seconds = lognormal_s(random, 0.008, 0.5);
    life.values = {random.uniform()};
    return life;
  };
  const SimulationResult result = simulate(simulation);
  CHECK(result.run.finished == 1000);
  CHECK(result.utilisation >= 0.95);
}

TEST_CASE("trials that fail, and some that may go on later, are made up for") {
  Simulation simulation;
  simulation.slots = 8;
  simulation.trials = 200;
  simulation.trial = [](const sweep::StartTrial& trial, RandomStream& random) {
    SimulatedTrial life = heavy_tailed(trial, random);
    const double luck = random.uniform();
    life.status = luck < 0.05 ? 3 : luck < 0.1 ? 75 : 0;
    return life;
  };
  const SimulationResult result = simulate(simulation);
  CHECK(result.utilisation >= 0.98);
  CHECK(result.run.finished == 200);
  CHECK(result.run.failed > 3);
  std::size_t again = 0;
  for (const SimulatedEnd& trial : result.trials) {
    CHECK((trial.state == study::State::complete || trial.state == study::State::failed));
    again += trial.attempt > 1 ? 1 : 0;
  }
  CHECK(again > 3);
}

TEST_CASE("halving leaves the best, and few epochs for most of the others") {
  Simulation simulation;
  simulation.slots = 8;
  simulation.trials = 90;
  simulation.trial = curve;
  const SimulationResult whole = simulate(simulation);
  CHECK(whole.steps == 90 * 27);
  const auto best = [](const SimulationResult& result) {
    double least = 2;
    for (const SimulatedEnd& trial : result.trials) {
      if (trial.state == study::State::complete) least = std::min(least, trial.values.at(0));
    }
    return least;
  };
  for (const char* pruner : {"asha:1:27", "asha:1:27:promote"}) {
    INFO(pruner);
    simulation.pruner = pruner;
    const SimulationResult halved = simulate(simulation);
    CHECK(halved.steps < whole.steps / 4);
    CHECK(halved.utilisation >= 0.97);  // those that are pruned take their time to end
    CHECK(best(halved) <= best(whole) + 0.02);
  }
}
