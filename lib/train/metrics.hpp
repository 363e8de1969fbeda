// Metrics of a program on a data set.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "backend/backend.hpp"
#include "model/encoder.hpp"
#include "train/dataset.hpp"

namespace nn::train {

struct DatasetFigures {
  double loss = 0;  // mean over the rows, weights included
  // accuracy for classes; rmse and mae in the units of the data for numbers.
  std::vector<std::pair<std::string, double>> figures;
};

// One entry for each of the program's members; entries of inactive members are undefined. One thread: that
// of the program. `batch` is what it was compiled for.
std::vector<DatasetFigures> evaluate(backend::Program& program, const Dataset& data,
                                     const model::Target& target, std::int64_t outputs, std::int64_t batch);

}  // namespace nn::train
