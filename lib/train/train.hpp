// Training networks on one device, from options to model files.
#pragma once

#include <vector>

#include "model/model.hpp"
#include "train/lr_find.hpp"
#include "train/options.hpp"

namespace nn::train {

// Reads the data, trains, and writes options.output, or a file for each member; all or nothing
// of each. Runs in the calling thread, which is pinned to the device, or for several members in
// a thread on each of its cores. The same options, data and device give the same bytes, whether
// the run was interrupted and resumed or not.
//
// A stop signal saves checkpoints and throws Interrupted. A loss that is not finite is a
// data error; the state of the last good epoch is kept as the checkpoint. However it ends, once
// the options are known to be right, the last line of options.log says so.
void train(const TrainOptions& options);

// Fills in what `source` doesn't say of how a table of text is read: as the table was that a model learned
// from which a run begins with. train() does this by itself.
void read_as_start(const model::Model& start, format::SourceOptions& source);

// The range test of the learning rate on options' data and network.
std::vector<RatePoint> find_rate(const TrainOptions& options);

}  // namespace nn::train
