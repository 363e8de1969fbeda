// What a table holds, column by column: kinds, missing values, how many differ, least and largest, quantiles,
// the most frequent texts.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tensor/batch.hpp"

namespace nn::table {

// Of the present values; a NaN is a missing one.
struct ColumnSummary {
  Field field;
  std::int64_t missing = 0;  // rows; of a tensor those with any missing element
  // Scalars:
  std::optional<std::int64_t> distinct;
  bool distinct_exact = true;
  // Numbers, of a tensor over all elements; nothing where there is no value.
  struct Numbers {
    double least = 0, largest = 0, mean = 0;
    std::vector<double> quantiles;  // 25, 50 and 75 %; none of a tensor
    bool quantiles_exact = true;
  };
  std::optional<Numbers> numbers;
  // The most frequent values of texts and booleans, and of numbers where only few differ.
  struct Top {
    std::string value;
    std::int64_t count = 0;  // or more, where it is not exact
  };
  std::vector<Top> top;
  bool top_exact = true;
};

struct TableSummary {
  std::int64_t rows = 0;
  std::vector<ColumnSummary> columns;
  std::size_t exact_up_to = 0;  // values that differ, and values of quantiles
};

// Collects figures batch by batch, in memory that doesn't grow with the rows, but for the dictionaries of
// categories. One thread.
class Description {
 public:
  explicit Description(const Schema& schema);
  ~Description();
  void add(const Batch& batch);
  TableSummary summary();  // once, at the end

  class Figures;  // of a column

 private:
  std::vector<std::unique_ptr<Figures>> columns_;
  std::int64_t rows_ = 0;
  std::size_t exact_up_to_;
};

// For people: lines of at most `width` columns where names allow it.
std::string to_text(const TableSummary& summary, std::size_t width);
// One object on one line; figures that aren't defined are null.
std::string to_json(const TableSummary& summary);

}  // namespace nn::table
