// The training loop over one network or several. Internal to lib/train and its tests.
#pragma once

#include <string>
#include <vector>

#include "model/model.hpp"
#include "train/dataset.hpp"
#include "train/log.hpp"
#include "train/options.hpp"

namespace nn::train {

// Trains all members on the rows of `data`, from their checkpoints where options.resume says so
// and there are any. Several members share out the cores of the device. A stop request saves
// checkpoints and throws Interrupted. Where there are several, one whose loss is no number any
// more is reported and left out: its model is missing (parameters null). Models stand at their members'
// numbers, less 1. Where there is one, `run` says how far it came, also when this throws.
std::vector<model::Model> train_members(const std::vector<TrainOptions>& members, const TrainingData& data,
                                        const model::Model& model, TrainingLog& log, RunFigures& run);

}  // namespace nn::train
