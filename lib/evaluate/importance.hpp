// Permutation importance: how much worse a model answers when a column's values change places among the rows.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "predict/predictor.hpp"
#include "tensor/batch.hpp"

namespace nn::evaluate {

struct ColumnImportance {
  std::string column;  // a vector's element as "x[3]", or by its name
  double mean = 0;     // how much the score falls, over all repetitions
  double deviation = 0;
};

struct Importance {
  std::string score;  // "accuracy" for classes, "r2" for numbers: the mean over elements
  double value = 0;   // of the rows as they are
  std::int64_t rows = 0, repeats = 0;
  std::vector<ColumnImportance> columns;  // the most important first

  std::string text() const;  // a table for people
  std::string json() const;  // one object on one line
};

// Breiman 2001, "Random forests", section 10, in the form of Fisher, Rudin and Dominici 2019: each column of
// the model's is permuted by itself, `repeats` times, over all rows that have y; elements of vectors one by
// one, images as a whole. Columns that say the same hide each other's importance. The rows of `source` are
// kept in memory. Data errors: a table that doesn't fit the model, or no row with y.
Importance importance_of(predict::Predictor& model, BatchSource& source, std::int64_t repeats,
                         std::uint64_t seed);

}  // namespace nn::evaluate
