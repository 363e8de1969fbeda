// Results that are made up.
#pragma once

#include <cmath>

#include "chart/results.hpp"

namespace nn::chart {

// So many trials of 10 s each on two slots, by turns: x from 0 to 1, k of a and b, which is there in every
// second one, and a value, x squared, which is the less the better. Each fifth is pruned, each seventh has
// failed.
inline Results sample(std::size_t count, std::size_t goals = 1) {
  Results results;
  results.name = "sample";
  results.journal = "sample.jsonl";
  results.slots = {"cpu:10", "cpu:2"};
  for (std::size_t g = 0; g < goals; ++g) results.goals.push_back({g == 0 ? "loss" : "rate", g > 0});
  results.dimensions = {{.name = "x"}, {.name = "k", .labels = {"a", "b"}, .high = 1}};
  results.dimensions[0].importance.assign(goals, 0.75);
  results.dimensions[1].importance.assign(goals, 0.25);
  for (std::size_t t = 0; t < count; ++t) {
    Result trial;
    const double x = static_cast<double>(t * 7919 % 1009) / 1009;
    trial.number = static_cast<std::uint32_t>(t);
    trial.state = t % 5 == 4   ? study::State::pruned
                  : t % 7 == 6 ? study::State::failed
                               : study::State::complete;
    trial.parameters = {x, t % 2 == 0 ? static_cast<double>(t / 2 % 2) : none};
    trial.values.assign(goals, none);
    if (trial.state == study::State::complete) {
      trial.values[0] = x * x + 0.5;
      if (goals > 1) trial.values[1] = x * 2;
    }
    if (trial.state != study::State::failed) trial.curve = {{1, x + 1}, {2, x * x + 0.5}};
    trial.slot = t % 2;
    trial.begin_s = static_cast<double>(t / 2) * 10;
    trial.end_s = trial.begin_s + (t % 2 == 0 ? 10 : 5);
    results.trials.push_back(std::move(trial));
  }
  for (const std::size_t place : results.ranked(0)) {
    if (goals > 1) results.front.push_back(place);
  }
  return results;
}

}  // namespace nn::chart
