// How much the rows of a batch count.
#pragma once

#include <vector>

#include "tensor/batch.hpp"

namespace nn {

// Appends the weight of each row, which column sample_weight has; nothing where there is no such column. Data
// error for a row whose weight is missing, negative or not finite.
void append_row_weights(const Batch& batch, std::vector<double>& weights);

}  // namespace nn
