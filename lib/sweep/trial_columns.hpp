// Trials as a batch of typed columns, for streams that pandas, Polars and DuckDB read.
#pragma once

#include "study/study.hpp"
#include "tensor/batch.hpp"

namespace nn::sweep {

// A row for each trial, with the columns that tables of trials have (tables.hpp): trial i64, state, the
// objectives f64, parameters, seconds f64, slot, attempts i64, reason. A parameter is f64, i64 where all of
// its values are whole, boolean where they are, or else text. What a trial doesn't have is missing. A
// parameter whose name is another column's is called params_NAME, as Optuna's tables have it. Data error over
// 2 GiB of texts in a column.
Batch trial_batch(study::Study& study);

}  // namespace nn::sweep
