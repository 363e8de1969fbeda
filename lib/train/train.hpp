// Training one network on one device, from options to a model file.
#pragma once

#include "model/model.hpp"
#include "train/options.hpp"

namespace nn {

// Reads the data, trains, and writes options.output, all or nothing. Runs in the calling
// thread, which is pinned to the device. The same options, data and device give the same
// bytes, whether the run was interrupted and resumed or not.
//
// A stop signal saves a checkpoint and throws Interrupted. A loss that is not finite is a
// data error; the state of the last good epoch is kept as the checkpoint.
Model train(const TrainOptions& options);

}  // namespace nn
