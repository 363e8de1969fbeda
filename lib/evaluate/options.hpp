// What is asked of predictions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "options/option.hpp"

namespace nn::evaluate {

struct EvaluateOptions {
  std::vector<std::string> classes;  // names of the probabilities, where the table doesn't say
  std::int64_t top_k = 0;
  bool auc = false;
  bool per_class = false;
  bool confusion = false;
  bool calibration = false;
  bool thresholds = false;
  bool quantiles = false;
  std::string against;              // a file of another model's predictions of the same rows; empty: none
  std::optional<double> threshold;  // of the second of two classes, in place of the answers
  std::optional<std::string> uncertainty;  // the column that says how unsure an answer is
  std::optional<double> confidence;        // in percent: intervals are asked for
  std::int64_t resamples = 1000;
  std::uint64_t seed = 0;

  // Whether tables and figures are asked for beside those that every evaluation has.
  bool asks_for_more() const {
    return per_class || confusion || calibration || auc || thresholds || quantiles || top_k > 0 ||
           uncertainty;
  }
};

// All but `json`, which is where they go.
options::List option_list(EvaluateOptions& options);

}  // namespace nn::evaluate
