// nn-sweep run, whole: a journal, a study, and trials until all is over.
#pragma once

#include <string>

#include "sweep/options.hpp"
#include "sweep/run.hpp"

namespace nn::sweep {

// A line for each trial on stdout, or a live table on a terminal. Returns where all went as it was told to;
// throws what ended it otherwise.
void sweep(const SweepOptions& options);

}  // namespace nn::sweep
