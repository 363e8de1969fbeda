// What a model must be better than: an answer that looks at no features.
#pragma once

#include <optional>
#include <string>

#include "train/dataset.hpp"

namespace nn::train {

struct Baseline {
  std::string figure;  // "val_accuracy", "val_rmse"
  double value = 0;
  std::string answer;  // what is always answered: "class 'setosa'", "the mean"
};

// The same answer for each validation row: the training rows' most frequent class, or their mean; weights of
// rows count as in evaluate() (train/metrics.hpp), and numbers are in the units of the data. Nothing without
// validation rows.
std::optional<Baseline> baseline_of(const TrainingData& data);

}  // namespace nn::train
