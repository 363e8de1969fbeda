// Texts of a table that a model has no category for: they count as none, and so does a column of nothing
// else, as where spelling or language has changed.
#pragma once

#include <memory>
#include <span>

#include "model/encoder.hpp"
#include "tensor/batch.hpp"

namespace nn::model {

// The rows of `source` as they are; at their end one warning says how many had such texts, column by column.
// `columns` are the model's.
std::unique_ptr<BatchSource> with_unknown_texts_told(std::unique_ptr<BatchSource> source,
                                                     std::span<const InputColumn> columns);

}  // namespace nn::model
