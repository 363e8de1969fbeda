// nn-eval's work: finds predictions and truth in a table, whatever made it, and figures.
#pragma once

#include <memory>
#include <string>

#include "evaluate/options.hpp"
#include "tensor/batch.hpp"

namespace nn::evaluate {

// Tables are those of PredictionReader (prediction_reader.hpp). Memory is constant but for what options ask
// for: areas, thresholds, quantiles, intervals and pictures keep rows. One thread.
class Evaluation {
 public:
  // `with_pictures`: page() or pictures() will be called.
  Evaluation(std::shared_ptr<const Schema> schema, const EvaluateOptions& options,
             bool with_pictures = false);
  ~Evaluation();
  void add(const Batch& batch);
  // Warns about rows whose y the model doesn't know, and about probabilities that sum to something else than
  // 1; data error when no row has y and a weight.
  void finish();
  // After finish().
  std::string text() const;  // a table for people
  std::string json() const;  // one object on one line; null where a figure is not defined
  // A page of HTML with all in it, and the same drawn with characters in at most `columns`. `title` says of
  // what.
  std::string page(const std::string& title) const;
  std::string pictures(std::size_t columns) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nn::evaluate
