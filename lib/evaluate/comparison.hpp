// Two models on the same rows: which one is better, and how sure that is.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "evaluate/options.hpp"
#include "tensor/batch.hpp"

namespace nn::evaluate {

// A figure of both, and what their difference means.
struct PairedTest {
  std::string figure;  // accuracy, log_loss, mse
  bool higher_is_better = false;
  double first = 0, second = 0;     // the figure of each
  double difference = 0;            // first - second
  std::optional<double> low, high;  // where it is with the confidence that is asked for, by Student's t
  std::optional<double> p;          // of a difference as large as this, if there is none
  std::int64_t first_only = 0, second_only = 0;  // of accuracy: rows that only one of them has right
  // Below 0: the first is better.
  int sign() const;
};

// Tables are those of PredictionReader, both of classes or both of numbers; a row of one is that of the other
// with the same value in column id, where both have one, and otherwise the same number. Rows that have no y
// are left out; those of only one table too, with a warning, where they are known by id, and are an error
// otherwise, as an y is that differs. Tests are of pairs: McNemar's exact test of accuracy, Student's t of
// the difference of losses. All rows are kept, by their ids. One thread.
class Comparison {
 public:
  struct Model {
    std::shared_ptr<const Schema> schema;
    std::string name;  // for people
  };
  // Usage error for options that have to do with one model alone.
  Comparison(Model first, Model second, const EvaluateOptions& options);
  ~Comparison();
  // All batches of the first before those of the second.
  void add_first(const Batch& batch);
  void add_second(const Batch& batch);
  // Data error where there are no rows to compare.
  void finish();
  // After finish().
  const std::vector<PairedTest>& tests() const;
  std::string text() const;  // its last line is the verdict
  std::string json() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nn::evaluate
