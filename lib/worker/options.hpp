// The options of WorkerOptions, each said once.
#pragma once

#include "options/option.hpp"
#include "worker/worker.hpp"

namespace nn::worker {

// All but the models that are files, which nn-worker names itself.
options::List option_list(WorkerOptions& options);

}  // namespace nn::worker
