// The files of a run.
#pragma once

#include <vector>

#include "train/options.hpp"

namespace nn::train {

// Usage error where a file that the run of these members writes (model, cycle's model, checkpoint, log) is
// one that it reads, or another one that it writes: hours of work would end with it. Opens nothing.
void check_files(const std::vector<TrainOptions>& members);

// Of a member: where it keeps the state of an unfinished run.
std::string checkpoint_of(const TrainOptions& options);

}  // namespace nn::train
