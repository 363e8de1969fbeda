// Conversion of the column that is the label or the target.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tensor/batch.hpp"

namespace nn::table {

// Converts one column to y. The field is fixed from construction on.
class TargetColumn {
 public:
  virtual ~TargetColumn() = default;
  virtual const Field& field() const = 0;  // named y; the name it had is in nn.source_name
  // `column` is one of `batch`. Data errors name the row.
  virtual Column convert(const Column& column, const Batch& batch) = 0;
};

struct ColumnSample {
  const Column* column;
  std::int64_t rows;
};

// Classes: i64 where all values of the sample are whole numbers, else a category of their
// texts, stripped of the characters in `trim` at both ends.
std::unique_ptr<TargetColumn> label_column(const Field& field, std::span<const ColumnSample> sample,
                                           const std::string& trim);

// Data error for a float that stands for several whole numbers, by which rows or classes are told apart. The
// value is at index `at` of the column, in row `row` of the table.
void refuse_rounded(const Field& field, const Column& column, std::int64_t at, std::int64_t row);

// Numbers: f64.
std::unique_ptr<TargetColumn> target_column(const Field& field);

// Several columns as one: y is f64 [fields], the names of its elements are those of the columns.
class TargetColumns {
 public:
  // Data errors for columns that aren't one number a row.
  explicit TargetColumns(std::vector<Field> fields);
  const Field& field() const { return field_; }
  // One column for each field, in their order. A row is missing where any of its numbers is.
  Column convert(std::span<const Column* const> columns, std::int64_t rows);

 private:
  std::vector<Field> from_;
  std::vector<bool> rounded_;  // that is said already
  Field field_;
};

}  // namespace nn::table
