// How much the rows of a batch count.
#pragma once

#include <span>
#include <vector>

#include "tensor/batch.hpp"

namespace nn {

// Appends the weight of each row, which column sample_weight has; nothing where there is no such column. Data
// error for a row whose weight is missing, negative or not finite.
void append_row_weights(const Batch& batch, std::vector<double>& weights);

// The same of several batches of one schema, each by itself; empty where they have no such column.
std::vector<std::vector<double>> weights_of_batches(std::span<const Batch> batches);

}  // namespace nn
