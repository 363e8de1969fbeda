#include "train/baseline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/text.hpp"

namespace nn::train {
namespace {

double weight_of(const Dataset& data, std::size_t row) {
  return data.row_weights.empty() ? 1 : double{data.row_weights[row]};
}

double total_weight(const Dataset& data) {
  double sum = 0;
  for (std::size_t row = 0; row < static_cast<std::size_t>(data.rows); ++row) sum += weight_of(data, row);
  return sum;
}

Baseline most_frequent(const TrainingData& data) {
  std::vector<double> of_class(data.target.classes.size());
  for (std::size_t row = 0; row < data.train.labels.size(); ++row)
    of_class[static_cast<std::size_t>(data.train.labels[row])] += weight_of(data.train, row);
  const auto best = std::max_element(of_class.begin(), of_class.end()) - of_class.begin();
  double right = 0;
  for (std::size_t row = 0; row < data.valid->labels.size(); ++row)
    right += data.valid->labels[row] == best ? weight_of(*data.valid, row) : 0;
  return {"val_accuracy", right / total_weight(*data.valid),
          fmt::format("always {}", printable(data.target.classes[static_cast<std::size_t>(best)]))};
}

Baseline mean_of_targets(const TrainingData& data) {
  const auto width = static_cast<std::size_t>(data.train.target_width);
  std::vector<double> mean(width);
  for (std::size_t i = 0; i < data.train.targets.size(); ++i)
    mean[i % width] += weight_of(data.train, i / width) * double{data.train.targets[i]};
  for (double& value : mean) value /= total_weight(data.train);
  double squares = 0;
  for (std::size_t i = 0; i < data.valid->targets.size(); ++i) {
    const double scale = data.target.scale.empty() ? 1.0 : data.target.scale[i % width];
    const double error = (double{data.valid->targets[i]} - mean[i % width]) / scale;
    squares += weight_of(*data.valid, i / width) * error * error;
  }
  return {"val_rmse", std::sqrt(squares / (total_weight(*data.valid) * static_cast<double>(width))),
          "always the mean"};
}

}  // namespace

std::optional<Baseline> baseline_of(const TrainingData& data) {
  if (!data.valid) return std::nullopt;
  return data.target.kind == model::Target::Kind::classes ? most_frequent(data) : mean_of_targets(data);
}

}  // namespace nn::train
