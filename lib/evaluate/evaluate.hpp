// nn-eval's work: finds predictions and truth in a table, whatever made it, and figures.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tensor/batch.hpp"

namespace nn::evaluate {

struct EvaluateOptions {
  std::vector<std::string> classes;  // names of the probabilities, where the table doesn't say
  std::int64_t top_k = 0;
  bool auc = false;
  bool per_class = false;
  bool confusion = false;
  bool calibration = false;
};

// The table has y, and one of
//   proba [n], or scalars proba_0 … proba_{n-1} (as text formats have them), or one
//     scalar proba, the probability of the second of two classes; with or without label
//   label alone: accuracy and what follows from answers
//   value (scalar or tensor), or scalars value_0 …: numbers
// Data errors say which column is missing and how to get it. y is matched with the
// classes by name or by integer value. Rows without y are left out and counted.
class Evaluation {
 public:
  Evaluation(std::shared_ptr<const Schema> schema, const EvaluateOptions& options);
  ~Evaluation();
  void add(const Batch& batch);
  // Warns about rows whose y the model doesn't know; data error when no row has y.
  void finish();
  std::string text() const;  // a table for people
  std::string json() const;  // one object on one line; null where a figure is not defined

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nn::evaluate
