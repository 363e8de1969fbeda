// The options of TrainOptions by theme. For option_list() only.
#pragma once

#include "options/option.hpp"
#include "train/options.hpp"

namespace nn::train {

void add_optimizer_options(options::List& list, TrainOptions& o);
void add_run_options(options::List& list, TrainOptions& o);
void add_report_options(options::List& list, TrainOptions& o);

}  // namespace nn::train
