// Conditions on rows, as people write them: `age > 30 and sex = "f"`.
//
//   condition:  comparisons joined by and, or, not and parentheses; `not` binds closest, then `and`
//   comparison: VALUE = VALUE, also == != <> < <= > >=; VALUE is [not] missing (or null); VALUE [not] in (A,
//   B, …);
//               a column of booleans alone
//   VALUE:      a column, a number, a text, true or false; one side at least is a column
//   column:     a word of letters, digits, '_', '.' and '-', or any name in double quotes
//   text:       in single quotes; or in double quotes, where no column has that name. A quote in it is
//   doubled.
// Words of the language may be written in capitals. A comparison with a missing value (a NaN is one) is
// unknown, and so is what follows from it, as in SQL; rows are kept for which the condition is true.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tensor/batch.hpp"

namespace nn::table {

class BoundCondition;

// A condition that was read. A value; copies share it. Thread-safe.
class Condition {
 public:
  // Usage error that shows the place in a line of its own.
  explicit Condition(std::string_view text);

  // Positions of the columns that it names, ascending; types don't matter. Data error for one that isn't
  // there.
  std::vector<std::size_t> columns(const Schema& schema) const;

  struct Node;

 private:
  friend class BoundCondition;
  std::string text_;
  std::shared_ptr<const Node> root_;
};

// A condition for the rows of one table. One thread.
class BoundCondition {
 public:
  // Data errors for columns that aren't there, and for values that their types can't be compared with.
  BoundCondition(const Condition& condition, const Schema& schema);
  ~BoundCondition();
  BoundCondition(BoundCondition&&) noexcept;

  // rows, overwritten: those of the batch for which the condition is true, ascending. The batch has the types
  // of the schema.
  void choose(const Batch& batch, std::vector<std::int64_t>& rows);

 private:
  struct Evaluator;
  std::unique_ptr<Evaluator> evaluator_;
};

// The rows for which a condition is true, numbered anew. `schema` is the source's, maybe with other names.
std::unique_ptr<BatchSource> rows_where(std::unique_ptr<BatchSource> source, const Condition& condition,
                                        const Schema& schema);

}  // namespace nn::table
