// The rows to learn from, as they were read: to be split before anything is learned from them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "format/source.hpp"
#include "tensor/batch.hpp"

namespace nn::train {

struct Rows {
  std::shared_ptr<const Schema> schema;
  std::vector<Batch> batches;
  std::int64_t count = 0;
};

// "a.csv and 2 more", for messages.
std::string name_of_inputs(const std::vector<std::string>& inputs);

// Reads all. Data errors: no rows, no column y (the columns are listed); unsupported: more than a run takes.
Rows read_rows(format::SourceOptions options);

// Moves a fraction of the rows, chosen by a seed, out of `rows`; with `stratify` of each class, to within one
// row. Data error where one side would be empty.
Rows split_off(Rows& rows, double fraction, std::uint64_t seed, bool stratify);

// The fold of each row, from 0, in the order of the rows: folds are as large as each other to within one row,
// and have each class alike where y is of classes. Data error for more folds than rows.
std::vector<std::size_t> assign_folds(const Rows& rows, std::size_t folds, std::uint64_t seed);

// The rows of one fold, or all others.
Rows rows_in(const Rows& rows, const std::vector<std::size_t>& fold_of, std::size_t fold);
Rows rows_outside(const Rows& rows, const std::vector<std::size_t>& fold_of, std::size_t fold);

}  // namespace nn::train
