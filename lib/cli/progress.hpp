// Progress of work that goes through a table.
#pragma once

#include <memory>

#include "tensor/batch.hpp"

namespace nn::cli {

// The same batches, with the rows counted on stderr as they pass (see Progress in base/log.hpp).
std::unique_ptr<BatchSource> with_progress(std::unique_ptr<BatchSource> source);

}  // namespace nn::cli
