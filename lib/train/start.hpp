// What comes before the first step of a run. Internal to lib/train.
#pragma once

#include <string>
#include <vector>

#include "model/model.hpp"
#include "train/dataset.hpp"
#include "train/options.hpp"

namespace nn::train {

// An output that cannot be written is found out before hours of work, not after: io error. Nothing is
// written.
void probe_output(const std::string& path);

// The same of the models of all runs; io error too where one must go on from a checkpoint that isn't there.
void check_outputs(const std::vector<TrainOptions>& runs);
// Warns where a model that the names of a run's `count` networks would go on with is there already.
void tell_models_beyond(const std::string& output, std::size_t count);

// The model without parameters, for this data. Usage errors for a network or a loss that doesn't fit it.
model::Model untrained(const TrainOptions& options, Network network, const TrainingData& data);

}  // namespace nn::train
