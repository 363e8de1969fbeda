// Trials as lines of text, as tests/unit/study/data/golden.py has them of Optuna's.
#pragma once

#include <cstdio>
#include <map>
#include <string>

#include "study/replay.hpp"

namespace nn::test {

inline std::string number_text(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", value);
  return text;
}

// NUMBER STATE [VALUES] PARAMETER=INTERNAL… STEP:VALUE…
inline std::string dump(const study::StudyLog& log) {
  std::string all;
  for (const study::Trial& trial : log.trials) {
    all +=
        std::to_string(trial.number) + " " + std::string(enum_names(trial.state).name_of(trial.state)) + " [";
    for (std::size_t o = 0; o < trial.values.size(); ++o)
      all += (o ? "," : "") + number_text(trial.values[o]);
    all += "]";
    std::map<std::string, double> parameters;
    for (const study::TrialParameter& p : trial.parameters) parameters[p.what->name] = p.value;
    for (const auto& [name, value] : parameters) all += " " + name + "=" + number_text(value);
    for (const study::Report& report : trial.reports) {
      all += " " + std::to_string(report.step) + ":" + number_text(report.value);
    }
    for (const auto& [name, value] : trial.constraints()) all += " " + name + "<=" + number_text(value);
    all += "\n";
  }
  return all;
}

}  // namespace nn::test
