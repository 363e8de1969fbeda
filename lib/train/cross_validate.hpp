// Cross-validation: each row is answered by the one model that hasn't seen it.
#pragma once

#include <vector>

#include "nn/network.hpp"
#include "train/log.hpp"
#include "train/options.hpp"

namespace nn::train {

// The runs of --folds, one for each: with its number as member, and an output and a checkpoint of its own.
// All have the same seed. Usage error where options ask for several members as well.
std::vector<TrainOptions> folds_of(const TrainOptions& options);

// Trains these runs one after the other, each on all folds but its own, which it is validated on, writes
// their models, and, where there is an `oof`, the answers that each gives for its own fold: all rows once, in
// the order in which they were read. `run` as train() has it.
void cross_validate(const TrainOptions& options, const std::vector<TrainOptions>& folds,
                    const Network& network, const std::shared_ptr<const model::Model>& start,
                    TrainingLog& log, RunFigures& run);

}  // namespace nn::train
