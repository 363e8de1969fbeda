// Arrays side by side as batches. For the readers of this module only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "format/array_reader.hpp"
#include "tensor/batch.hpp"

namespace nn::format {

struct NamedArray {
  std::string column;
  ArrayReader reader;
};

// An array that can't be a column, and what it is: "5 rows".
struct UnfitArray {
  std::string column, what;
};

// Each array becomes a column; data error when they don't have as many rows. At least one. Unfit ones become
// columns of an opaque type, behind the others.
std::unique_ptr<BatchSource> rows_of_arrays(std::vector<NamedArray> arrays,
                                            std::vector<UnfitArray> unfit = {});

}  // namespace nn::format
