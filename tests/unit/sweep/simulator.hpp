// Runs of trials on a clock that nobody waits for: the coordinator that nn-sweep has, with samplers, pruners
// and a journal in memory, and trials that end when a drawn time is over. Without what is charged, the same
// simulation gives the same journal, to the byte.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "sweep/coordinator.hpp"
#include "sweep/plan.hpp"

namespace nn::test {

// What becomes of an attempt of a trial. With a pruner that sends trials on from checkpoints it is that of
// the whole trial, of which each stage is a part.
struct SimulatedTrial {
  double seconds = 1;
  // Reports evenly spread over its time, the last one at its end; step k is values[k - 1].
  std::vector<double> values;
  std::int64_t first_step = 1;
  int status = 0;  // that it exits with
};

struct Simulation {
  std::size_t slots = 1;
  std::size_t slots_of_host = 64;  // that one agent has
  std::size_t trials = 100;
  std::uint64_t seed = 1;
  std::vector<std::string> space = {"x=uniform:0:1"};
  search::SamplerOptions sampler{.kind = search::SamplerKind::random};
  std::string pruner = "none";
  study::Direction direction = study::Direction::minimize;
  // What a trial does that was started: its words are "trial" and a value of each parameter, in their order.
  // Random numbers are of the trial and the attempt.
  std::function<SimulatedTrial(const sweep::StartTrial&, RandomStream&)> trial;
  double grace_s = 0.1;  // that a trial takes to end when it is told to
  // What the coordinator computes and its disk takes goes from the virtual time, so that slots wait for it.
  // Computing is measured, and so differs from run to run.
  bool charge_processor = false;
  double sync_s = 0;  // that the disk takes for each sync
};

// What the journal says of a trial at the end.
struct SimulatedEnd {
  study::State state = study::State::running;
  std::vector<double> values;
  std::uint32_t attempt = 0;
};

struct SimulationResult {
  sweep::RunResult run;
  // Of slots, from the start until the last new trial began: after that there is nothing to do for all of
  // them.
  double utilisation = 0;
  // What coordinator, study and pruner took of a processor for each second of that time.
  double cores = 0;
  double virtual_s = 0, processor_s = 0;  // until the end
  std::size_t steps = 0;                  // reports that came
  std::size_t syncs = 0;
  std::string journal;
  std::vector<SimulatedEnd> trials;
};

// In one thread. Whatever the coordinator throws goes on to the caller.
SimulationResult simulate(const Simulation& simulation);

// Draws of times with this mean, of which a few are many times as long as most: exp(sigma N), and Pareto's
// with P(longer than t) ~ t^-shape, of at most 1,000 times the shortest.
double lognormal_s(RandomStream& random, double mean_s, double sigma);
double pareto_s(RandomStream& random, double mean_s, double shape);

}  // namespace nn::test
