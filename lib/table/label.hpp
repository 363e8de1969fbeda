// Conversion of the column that is the label or the target.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "tensor/batch.hpp"

namespace nn::table {

// Converts one column to y. The field is fixed from construction on.
class TargetColumn {
 public:
  virtual ~TargetColumn() = default;
  virtual const Field& field() const = 0;  // named y; the name it had is in nn.source_name
  // Data errors name the row.
  virtual Column convert(const Column& column, std::int64_t rows, std::int64_t first_row) = 0;
};

struct ColumnSample {
  const Column* column;
  std::int64_t rows;
};

// Classes: i64 where all values of the sample are whole numbers, else a category of their
// texts, stripped of the characters in `trim` at both ends.
std::unique_ptr<TargetColumn> label_column(const Field& field, std::span<const ColumnSample> sample,
                                           const std::string& trim);

// Numbers: f64.
std::unique_ptr<TargetColumn> target_column(const Field& field);

}  // namespace nn::table
