// The key of a run: the options that must stay the same from a checkpoint to --resume.
#pragma once

#include <string>

#include "nn/network.hpp"
#include "train/options.hpp"

namespace nn::train {

// The options that decide on the result and differ from their defaults, and the network, a line
// each: "batch=16\nnet=dense 8, dense 3\n". Options that are not there have their defaults, so
// that a checkpoint stays usable when an option is added. For one member: see members_of(). Behind them, the
// digest of the validation rows, where there are.
std::string run_key(const TrainOptions& options, const Network& network, const std::string& valid_digest);

// Whether a checkpoint's key is of these validation rows; yes, where it says nothing about them.
bool is_of_valid_rows(const std::string& recorded, const std::string& valid_digest);

// The differences between a checkpoint's key and this run: "--lr is 0.01 there and 0.1 here". Empty
// where nothing does. Reads keys of version 0.1 as well, which were one line.
std::string difference_of_runs(const std::string& recorded, const TrainOptions& options,
                               const Network& network);
// The same without what a run may go on with that isn't as it was: rates, regularisation, the seed and the
// schedule, and, where it goes on between two epochs, its batches. Weights and optimizer state fit as they
// are.
std::string difference_of_stages(const std::string& recorded, const TrainOptions& options,
                                 const Network& network, bool between_epochs);

}  // namespace nn::train
